// The ticks of an axis: as many as have room for their words. Pure, but for widthOf.

import { niceStep, tickWords } from "./time.js";

const LEAST_PX = 36; // between two ticks
const PAD_PX = 12; // beside the words of a tick

/** The step of the lines, and the ticks whose words fit. @param {{start: number, end: number}} shown
 * @param {number} width in pixels @param {(words: string) => number} widthOf */
export function ticksOf({ start, end }, width, widthOf) {
  const perMs = width / (end - start);
  const room = (tick) => widthOf(tick.words) + PAD_PX;
  const fits = (tick) => (tick.at - start) * perMs + room(tick) <= width;
  const candidates = [];
  for (let most = Math.max(1, Math.floor(width / LEAST_PX)); most >= 1; most--) {
    const step = niceStep(end - start, most);
    const ticks = ticksAt(start, end, step).filter(fits);
    if (ticks.length && ticks.every((tick) => room(tick) <= step * perMs)) return { step, ticks };
    candidates.unshift({ step, ticks: ticks.slice(0, 1) });
  }
  // A narrow axis whose round moments lie badly: one of them says where one is.
  return candidates.find(({ ticks }) => ticks.length) ?? candidates[0];
}

/** A tick at each multiple of the step. @param {number} start @param {number} end @param {number} step */
function ticksAt(start, end, step) {
  const first = Math.ceil(start / step - 1e-9);
  const last = Math.floor(end / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, n) => {
    const at = (first + n) * step;
    return { at, words: tickWords(at, step) };
  });
}
