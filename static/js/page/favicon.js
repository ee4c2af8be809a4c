// The icon in the browser's tab shows the status of the run.

/** static/favicons, by display status; what waits shows as queued. */
const ICONS = {
  running: "running", initializing: "running", paused: "paused", aborting: "aborting", refusing: "refusing", "timing-out": "aborting",
  succeeded: "succeeded", cached: "succeeded", recovered: "succeeded", failed: "failed", "timed-out": "timed-out", aborted: "aborted",
};

/** The server's page has a neutral icon; this replaces it on the page of a run, now and after each frame. Alone in a
 * module, short as it is: nothing else on the page has to do with the tab. */
export function showFavicon() {
  setFavicon(document.getElementById("run-summary")?.dataset.status);
}

/** @param {string | undefined} status of the run that the page shows */
export function setFavicon(status) {
  const link = document.querySelector("[data-favicon]");
  if (!link || !status) return;
  const href = `${link.dataset.base}${ICONS[status] ?? "queued"}.svg`;
  if (link.getAttribute("href") !== href) link.setAttribute("href", href);
}
