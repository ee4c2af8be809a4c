// What the page says beside its content: counts to screen readers, the phase in the tab's icon.

const GAP_MS = 2000;
const TOAST_MS = 6000;
/** static/favicons, by look; what waits shows as queued. */
const ICONS = {
  running: "running", initializing: "running", paused: "paused", aborting: "aborting", refusing: "refusing", "timing-out": "aborting",
  succeeded: "succeeded", cached: "succeeded", recovered: "succeeded", failed: "failed", "timed-out": "timed-out", aborted: "aborted",
};

const region = document.createElement("div");
region.className = "hidden";
region.setAttribute("role", "status");
document.body.append(region);

let said = "";
let timer = 0;

/** Say the counts of phases, or of what matches the filter, at most once in two seconds. */
export function announceCounts() {
  timer ||= window.setTimeout(() => {
    timer = 0;
    const matches = document.querySelectorAll("#run-matches .said");
    const counts = [...(matches.length ? matches : document.querySelectorAll("#run-summary .said"))].map((count) => count.textContent.trim());
    const text = counts.join(", ").replace(/\s+/g, " ");
    if (text !== said) say(text);
  }, GAP_MS);
}

/** @param {string} text */
export function say(text) {
  said = text;
  region.textContent = "";
  requestAnimationFrame(() => (region.textContent = text));
}

export function showFavicon() {
  const link = document.querySelector("[data-favicon]");
  const look = document.getElementById("run-summary")?.dataset.look;
  if (!link || !look) return;
  const href = `${link.dataset.base}${ICONS[look] ?? "queued"}.svg`;
  if (link.getAttribute("href") !== href) link.setAttribute("href", href);
}

/** A message to everyone. @param {string} html that the server rendered @param {boolean} stays until it is closed */
export function toast(html, stays = false) {
  const box = document.createElement("div");
  box.className = "toast";
  box.innerHTML = `<div>${html}</div>`;
  if (stays) box.append(closeButton(box));
  else setTimeout(() => box.remove(), TOAST_MS);
  document.getElementById("toasts").append(box);
}

/** @param {HTMLElement} box */
function closeButton(box) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "icon-button";
  button.setAttribute("aria-label", "Close the message");
  button.innerHTML = '<svg class="icon" aria-hidden="true"><use href="#i-close"></use></svg>';
  button.addEventListener("click", () => box.remove());
  return button;
}
