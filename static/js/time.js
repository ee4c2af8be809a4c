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

/** A step of the axis: 1, 2 or 5 times a power of ten, or a round number of minutes or hours.
 * @param {number} span milliseconds on the axis
 * @param {number} most how many steps there may be */
export function niceStep(span, most) {
  const wanted = span / most;
  const round = [60e3, 120e3, 300e3, 600e3, 1800e3, 3600e3, 7200e3, 21_600e3, 43_200e3, 86_400e3];
  if (wanted > 30e3) return round.find((step) => step >= wanted) ?? Math.ceil(wanted / 86_400e3) * 86_400e3;
  const power = 10 ** Math.floor(Math.log10(Math.max(wanted, 1)));
  const step = [1, 2, 5, 10].find((times) => times * power >= wanted) ?? 10;
  return Math.min(step * power, 60e3);
}

/** @param {number} ms */
export function tickWords(ms) {
  if (ms === 0) return "0";
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60_000) return `${ms / 1000} s`;
  return durationWords(ms).replace(/ 00[sm]$/, "");
}

/** @param {number} value */
function two(value) {
  return String(value).padStart(2, "0");
}
