// The panel of the selected action: loaded when it is selected, loaded again when it has changed. Until it is there, it shows
// what the row says (waiting.js).

import { setWide } from "../log/full-width.js";
import { setQuery } from "../page/persistence.js";
import { rowOf } from "../tree/rows.js";
import { endWaiting, showWaiting } from "./waiting.js";

const pane = () => document.getElementById("panel-pane");

/** The newest request for the panel, until it is answered: what came before it is not shown. @type {object | undefined} */
let newest;
/** What a frame that came meanwhile wants done then. @type {(() => void) | undefined} */
let due;

/** @param {import("../tree/run-tree.js").RunTree} tree @param {string} name */
export function openPanel(tree, name) {
  const tab = new URLSearchParams(location.search).get("tab") ?? "";
  setQuery({ action: name, tab, attempt: "", line: "" });
  showWaiting(pane(), name, tab);
  pane().hidden = false;
  return load(tree, name, tab);
}

/** @param {import("../tree/run-tree.js").RunTree} tree @param {string} name @param {string} tab @param {string} [attempt] whose log is shown */
function load(tree, name, tab, attempt = "") {
  const query = new URLSearchParams({ ...(tab && { tab }), ...(attempt && { attempt }) });
  const url = `${tree.dataset.run}/actions/${name}${query.size ? `?${query}` : ""}`;
  return window.htmx.ajax("GET", url, { source: "#panel-pane", target: "#panel-pane", swap: "innerMorph" });
}

/** Load the panel again when its action has changed since. The row has its number, or the frame when the row is not in the page.
 * A reader who is on the way to another tab goes there first.
 * @param {import("../tree/run-tree.js").RunTree} tree @param {string} name @param {import("../../../types/page.d.ts").RunFrame} frame */
export function refreshPanel(tree, name, frame) {
  if (newest) {
    due = () => refreshPanel(tree, name, frame);
    return;
  }
  const panel = document.getElementById("panel");
  const known = frame.panel?.name === name ? String(frame.panel.seq) : undefined;
  const seq = rowOf(name)?.dataset.seq ?? known;
  if (panel && seq && panel.dataset.name === name && panel.dataset.seq !== seq) load(tree, name, panel.dataset.tab, panel.dataset.attempt);
}

export function closePanel() {
  pane().hidden = true;
  setWide(false);
  setQuery({ action: "", tab: "", attempt: "", line: "" });
}

document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  if (ctx.target === pane()) newest = ctx;
});

document.addEventListener("htmx:before:swap", (event) => {
  const { ctx } = event.detail;
  if (ctx?.target === pane() && newest && ctx !== newest) event.preventDefault();
});

document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  if (ctx !== newest) return;
  newest = undefined;
  endWaiting(pane());
  const task = due;
  due = undefined;
  task?.();
});

document.addEventListener("htmx:after:swap", () => {
  const panel = document.getElementById("panel");
  if (panel && !pane().hidden) {
    const { name, tab, attempt } = panel.dataset;
    const line = document.querySelector("log-view")?.links.place ?? "";
    setQuery({ action: name, tab: tab === "overview" ? "" : tab, attempt, line });
  }
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-close-panel]")) document.querySelector("run-tree").close();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.defaultPrevented && event.target.closest("#panel-pane")) document.querySelector("run-tree").close();
});
