// The live region of the page: what screen readers announce beside its content.

const GAP_MS = 2000;

const region = document.createElement("div");
region.className = "hidden";
region.setAttribute("role", "status");
document.body.append(region);

let announced = "";
let announcedAt = -GAP_MS;
let timer = 0;

/** @param {string} text */
export function announce(text) {
  announced = text;
  announcedAt = performance.now();
  region.textContent = "";
  requestAnimationFrame(() => (region.textContent = text)); // a text that does not change is not read again
}

/** Announce the counts of statuses, or of what matches the filter: at most once in two seconds, and never over another text. */
export function announceCounts() {
  timer ||= window.setTimeout(readCounts, GAP_MS);
}

function readCounts() {
  const wait = announcedAt + GAP_MS - performance.now();
  timer = wait > 0 ? window.setTimeout(readCounts, wait) : 0;
  if (timer) return;
  const matches = document.querySelectorAll("#run-matches .said");
  const counts = [...(matches.length ? matches : document.querySelectorAll("#run-summary .said"))].map((count) => count.textContent.trim());
  const text = counts.join(", ").replace(/\s+/g, " ");
  if (text !== announced) announce(text);
}
