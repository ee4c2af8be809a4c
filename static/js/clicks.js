// What a click in the tree means, and one on a link of the panel to another action.

import { nameOf } from "./keys.js";
import { seekTo } from "./seek.js";

const OTHERS = "[data-abort], [data-abort-group], [data-answer], .source"; // whose clicks mean something else

/** The control for which the panel was opened. */
function focusFirst() {
  document.querySelector("#panel [data-first]")?.focus();
}

/** @param {import("./tree.js").RunTree} tree @param {MouseEvent} event */
export function clicked(tree, event) {
  const row = event.target.closest("#rows > .row");
  if (!row || event.target.closest(OTHERS)) return;
  const isLink = event.target.closest("a") && !event.shiftKey;
  const picks = event.target.closest(".pick") || event.shiftKey || event.ctrlKey || event.metaKey;
  if (picks && isLink) return; // a new tab
  if (picks && event.shiftKey) tree.picks.pickTo(row);
  else if (picks) tree.picks.pick(row, event.target.matches("input") ? /** @type {HTMLInputElement} */ (event.target).checked : undefined);
  else if (event.target.closest(".twist") && row.ariaExpanded) tree.levels.toggle(row);
  else tree.select(nameOf(row)).then(() => event.target.closest("[data-opens]") && focusFirst());
  if (!event.target.matches("input")) event.preventDefault();
  tree.focusRow(row);
}

/** @param {import("./tree.js").RunTree} tree @param {MouseEvent} event */
export function linked(tree, event) {
  const link = event.target.closest("[data-select]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const row = tree.row(link.dataset.select);
  if (!row && !seekTo(tree, /** @type {HTMLAnchorElement} */ (link))) return;
  event.preventDefault();
  if (!row) return;
  tree.select(link.dataset.select);
  row.scrollIntoView({ block: "nearest" });
}
