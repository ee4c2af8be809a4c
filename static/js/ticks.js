// The ticks of an axis: as many as have room for their words. Pure, but for widthOf.

import { niceStep } from "./time.js";

const LEAST_PX = 36; // between two ticks
const PAD_PX = 12; // beside the words of a tick

/** What the axis counts: its round numbers are multiples of a step after `shift` ms before the run began.
 * @typedef {{shift: number, words: (at: number, step: number) => string}} Scale */

/** The step of the lines, and the ticks whose words fit. @param {{start: number, end: number}} shown
 * @param {number} width in pixels @param {(words: string) => number} widthOf @param {Scale} scale */
export function ticksOf({ start, end }, width, widthOf, scale) {
  const perMs = width / (end - start);
  const room = (tick) => widthOf(tick.words) + PAD_PX;
  const fits = (tick) => (tick.at - start) * perMs + room(tick) <= width;
  const ticksAt = (step) => momentsAt(start, end, step, scale).filter(fits);
  for (let most = Math.max(1, Math.floor(width / LEAST_PX)); most >= 1; most--) {
    const step = niceStep(end - start, most);
    const ticks = ticksAt(step);
    if (ticks.length && ticks.every((tick) => room(tick) <= step * perMs)) return { step, ticks };
  }
  // A narrow axis whose round moments lie badly: the roundest one that fits says where one is.
  for (let most = 1; most < width; most *= 2) {
    const step = niceStep(end - start, most);
    const ticks = ticksAt(step).slice(0, 1);
    if (ticks.length) return { step, ticks };
  }
  return { step: niceStep(end - start, 1), ticks: [] };
}

/** The first round moment of the axis. @param {number} start @param {number} step @param {Scale} scale */
export function firstAt(start, step, { shift }) {
  const rest = shift % step; // small, so that it can be counted exactly
  return Math.ceil((start + rest) / step - 1e-9) * step - rest;
}

/** A tick at each of them. @param {number} start @param {number} end @param {number} step @param {Scale} scale */
function momentsAt(start, end, step, scale) {
  const first = firstAt(start, step, scale);
  const more = Math.floor((end - first) / step + 1e-9);
  return Array.from({ length: Math.max(0, more + 1) }, (_, n) => {
    const at = first + n * step;
    return { at, words: scale.words(at, step) };
  });
}
