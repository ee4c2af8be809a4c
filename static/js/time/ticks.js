// The ticks of the time axis: as many as have room for their labels. Pure: widthOf is given.

import { two } from "./durations.js";

const LEAST_PX = 36; // between two ticks
const PAD_PX = 12; // beside the label of a tick

/** The round numbers of an axis are multiples of a step, counted from `shift` ms before the run began.
 * @typedef {{shift: number, format: (at: number, step: number) => string}} Scale */

/** The step of the lines, and the ticks whose labels fit. @param {{start: number, end: number}} shown
 * @param {number} width in pixels @param {(label: string) => number} widthOf @param {Scale} scale */
export function ticksOf({ start, end }, width, widthOf, scale) {
  const perMs = width / (end - start);
  const room = (tick) => widthOf(tick.label) + PAD_PX;
  const fits = (tick) => (tick.at - start) * perMs + room(tick) <= width;
  const ticksAt = (step) => momentsAt(start, end, step, scale).filter(fits);
  for (let most = Math.max(1, Math.floor(width / LEAST_PX)); most >= 1; most--) {
    const step = niceStep(end - start, most);
    const ticks = ticksAt(step);
    if (ticks.length && ticks.every((tick) => room(tick) <= step * perMs)) return { step, ticks };
  }
  // On a narrow axis no step may fit: then one tick, at the roundest number that does.
  for (let most = 1; most < width; most *= 2) {
    const step = niceStep(end - start, most);
    const ticks = ticksAt(step).slice(0, 1);
    if (ticks.length) return { step, ticks };
  }
  return { step: niceStep(end - start, 1), ticks: [] };
}

/** The first round number on the axis. @param {number} start @param {number} step @param {Scale} scale */
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
    return { at, label: scale.format(at, step) };
  });
}

const ROUND = [10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 1800e3, 3600e3, 7200e3, 21_600e3, 43_200e3, 86_400e3];
/** @type {[number, string][]} */
const UNITS = [[86_400e3, "d"], [3600e3, "h"], [60e3, "m"]];

/** A step for the axis: 1, 2 or 5 times a power of ten, from 10 s on a round number of seconds, minutes or hours.
 * @param {number} span milliseconds on the axis
 * @param {number} most how many steps there may be */
export function niceStep(span, most) {
  const wanted = Math.max(span / most, 1);
  if (wanted > 5e3) return ROUND.find((step) => step >= wanted) ?? Math.ceil(wanted / 86_400e3) * 86_400e3;
  const power = 10 ** Math.floor(Math.log10(wanted));
  return power * ([1, 2, 5].find((times) => times * power >= wanted) ?? 10);
}

/** A time on the axis, as exactly as its step asks for. @param {number} ms whole @param {number} step */
export function formatTick(ms, step) {
  if (ms === 0) return "0";
  if (ms < 1000) return `${ms} ms`;
  const digits = step >= 1000 ? 0 : step >= 100 ? 1 : step >= 10 ? 2 : 3;
  if (ms < 60e3) return `${(ms / 1000).toFixed(digits)} s`;
  const parts = [];
  for (const [unit, letter] of UNITS) {
    const number = Math.floor(ms / unit);
    if (number || parts.length) parts.push(parts.length ? two(number) + letter : number + letter);
    ms %= unit;
  }
  if (step < 60e3) parts.push(`${(ms / 1000).toFixed(digits).padStart(digits ? digits + 3 : 2, "0")}s`);
  while (parts.length > 1 && /^0+(\.0+)?[hms]$/.test(parts.at(-1))) parts.pop();
  return parts.join(" ");
}
