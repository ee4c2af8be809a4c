// Times in words. runs/timeline.py says durations the same way.

/** @param {number} ms */
export function durationWords(ms) {
  ms = Math.max(0, Math.floor(ms));
  if (ms < 1000) return `${ms} ms`;
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (minutes < 1) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  if (hours < 1) return `${minutes}m ${two(seconds % 60)}s`;
  if (hours < 24) return `${hours}h ${two(minutes % 60)}m`;
  return `${Math.floor(hours / 24)}d ${two(hours % 24)}h`;
}

/** A duration that ticks: whole seconds. @param {number} ms */
export function secondsWords(ms) {
  return ms < 60_000 ? `${Math.max(0, Math.floor(ms / 1000))} s` : durationWords(ms);
}

/** @param {number} ms until the moment */
export function untilWords(ms) {
  return ms > 0 ? `in ${secondsWords(Math.ceil(ms / 1000) * 1000)}` : "now";
}

/** @param {number} ms since the moment */
export function agoWords(ms) {
  if (ms < 10_000) return `${(Math.max(0, ms) / 1000).toFixed(1)} s ago`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** How long after a start, or before it: all the same length within an hour. @param {number} ms */
export function stopwatchWords(ms) {
  const size = Math.abs(Math.round(ms));
  const [hours, minutes, seconds] = [Math.floor(size / 3600e3), Math.floor(size / 60e3) % 60, Math.floor(size / 1000) % 60];
  const rest = `${two(minutes)}:${two(seconds)}.${String(size % 1000).padStart(3, "0")}`;
  return (ms < 0 ? "−" : "+") + (hours ? `${hours}:${rest}` : rest);
}

const ROUND = [10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 1800e3, 3600e3, 7200e3, 21_600e3, 43_200e3, 86_400e3];
/** @type {[number, string][]} */
const UNITS = [[86_400e3, "d"], [3600e3, "h"], [60e3, "m"]];

/** A step of the axis: 1, 2 or 5 times a power of ten, from 10 s on a round number of seconds, minutes or hours.
 * @param {number} span milliseconds on the axis
 * @param {number} most how many steps there may be */
export function niceStep(span, most) {
  const wanted = Math.max(span / most, 1);
  if (wanted > 5e3) return ROUND.find((step) => step >= wanted) ?? Math.ceil(wanted / 86_400e3) * 86_400e3;
  const power = 10 ** Math.floor(Math.log10(wanted));
  return power * ([1, 2, 5].find((times) => times * power >= wanted) ?? 10);
}

/** A moment of the axis, as exactly as its step asks for. @param {number} ms whole @param {number} step */
export function tickWords(ms, step) {
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

/** @param {number} value */
function two(value) {
  return String(value).padStart(2, "0");
}
