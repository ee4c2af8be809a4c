// The panel of the selected action: loaded when asked for, refreshed when its row changed.

import { remember } from "./address.js";

const inspector = () => document.getElementById("inspector");

/** @param {import("./tree.js").RunTree} tree @param {string} name */
export function openPanel(tree, name) {
  const tab = new URLSearchParams(location.search).get("tab") ?? "";
  remember({ action: name, tab, attempt: "" });
  inspector().hidden = false;
  return load(tree, name, tab);
}

/** @param {import("./tree.js").RunTree} tree @param {string} name @param {string} tab @param {string} [attempt] whose log is shown */
function load(tree, name, tab, attempt = "") {
  const query = new URLSearchParams({ ...(tab && { tab }), ...(attempt && { attempt }) });
  const url = `${tree.dataset.run}/actions/${name}${query.size ? `?${query}` : ""}`;
  return window.htmx.ajax("GET", url, { source: "#inspector", target: "#inspector", swap: "innerMorph" });
}

/** Load the panel again when its action has changed since: its row says so, or the frame when that is not in the page.
 * @param {import("./tree.js").RunTree} tree @param {string} name @param {import("../../types/page.d.ts").RunFrame} frame */
export function refreshPanel(tree, name, frame) {
  const panel = document.getElementById("panel");
  const said = frame.panel?.name === name ? String(frame.panel.seq) : undefined;
  const seq = tree.row(name)?.dataset.seq ?? said;
  if (panel && seq && panel.dataset.name === name && panel.dataset.seq !== seq) load(tree, name, panel.dataset.tab, panel.dataset.attempt);
}

export function closePanel() {
  inspector().hidden = true;
  remember({ action: "", tab: "", attempt: "" });
}

document.addEventListener("htmx:after:swap", () => {
  const panel = document.getElementById("panel");
  if (panel && !inspector().hidden) {
    const { name, tab, attempt } = panel.dataset;
    remember({ action: name, tab: tab === "overview" ? "" : tab, attempt });
  }
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-close-panel]")) document.querySelector("run-tree").close();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.closest("#inspector")) document.querySelector("run-tree").close();
});
