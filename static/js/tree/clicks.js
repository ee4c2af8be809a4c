// Clicks on rows, and on links to other actions of the run.

import { isGroup, nameOf, rowOf } from "./rows.js";

const OTHERS = "[data-abort], [data-abort-group], [data-answer], .source"; // have handlers of their own

/** The control for which the panel was opened. */
function focusFirst() {
  document.querySelector("#panel [data-first]")?.focus();
}

/** @param {import("./run-tree.js").RunTree} tree @param {MouseEvent} event */
export function clicked(tree, event) {
  const row = event.target.closest("#rows > .row");
  if (!row || event.target.closest(OTHERS)) return;
  const isLink = event.target.closest("a") && !event.shiftKey;
  const picks = event.target.closest(".pick") || event.shiftKey || event.ctrlKey || event.metaKey;
  if (picks && isLink) return; // a new tab
  if (picks && event.shiftKey) tree.bulk.pickTo(row);
  else if (picks) tree.bulk.pick(row, event.target.matches("input") ? /** @type {HTMLInputElement} */ (event.target).checked : undefined);
  else if ((event.target.closest(".twist") || isGroup(row)) && row.ariaExpanded) tree.toggle(row);
  else tree.select(nameOf(row)).then(() => event.target.closest("[data-opens]") && focusFirst());
  if (!event.target.matches("input")) event.preventDefault();
  tree.focusRow(row);
}

/** @param {import("./run-tree.js").RunTree} tree @param {MouseEvent} event */
export function linked(tree, event) {
  const link = event.target.closest("[data-select]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const row = rowOf(link.dataset.select);
  if (!row && !tree.jumpTo(/** @type {HTMLAnchorElement} */ (link))) return;
  event.preventDefault();
  if (!row) return;
  tree.select(link.dataset.select);
  row.scrollIntoView({ block: "nearest" });
}
