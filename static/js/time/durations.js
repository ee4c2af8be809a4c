// Durations as text. runs/domain/timeline.py formats them the same way.

/** @param {number} ms */
export function formatDuration(ms) {
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
export function formatSeconds(ms) {
  return ms < 60_000 ? `${Math.max(0, Math.floor(ms / 1000))} s` : formatDuration(ms);
}

/** @param {number} ms until the moment */
export function formatUntil(ms) {
  return ms > 0 ? `in ${formatSeconds(Math.ceil(ms / 1000) * 1000)}` : "now";
}

/** @param {number} ms since the moment */
export function formatAgo(ms) {
  if (ms < 10_000) return `${(Math.max(0, ms) / 1000).toFixed(1)} s ago`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** How long after a start, or before it: all the same length within an hour. @param {number} ms */
export function formatStopwatch(ms) {
  const size = Math.abs(Math.round(ms));
  const [hours, minutes, seconds] = [Math.floor(size / 3600e3), Math.floor(size / 60e3) % 60, Math.floor(size / 1000) % 60];
  const rest = `${two(minutes)}:${two(seconds)}.${String(size % 1000).padStart(3, "0")}`;
  return (ms < 0 ? "−" : "+") + (hours ? `${hours}:${rest}` : rest);
}

/** With two digits. @param {number} value */
export function two(value) {
  return String(value).padStart(2, "0");
}
