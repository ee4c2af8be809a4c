// The keys of a row, as the ARIA treegrid pattern has them. Ours beyond it: Left on a closed row goes to its parent.

import { cellsOf, isGroup, nameOf, parentOf } from "./rows.js";

const PAGE = 10;

/** Rows come without tabindex on each cell, to be short. @param {HTMLElement | undefined} cell */
function focusCell(cell) {
  if (!cell) return;
  cell.tabIndex = -1;
  cell.focus();
}

/** @param {import("./run-tree.js").RunTree} tree @param {KeyboardEvent} event */
export function pressed(tree, event) {
  const row = event.target.closest("#rows > .row");
  if (!row || event.altKey || event.ctrlKey || event.metaKey || event.target.matches("input:not([type=checkbox]), textarea")) return;
  const cells = cellsOf(row);
  const column = cells.findIndex((cell) => cell.contains(/** @type {Node} */ (event.target)));
  // Enter and space on a control in a cell are its own.
  if (event.target.matches("button, input") && (event.key === "Enter" || event.key === " ")) return;
  const action = bindings(tree, row, cells, column)[event.shiftKey ? `Shift${event.key}` : event.key];
  if (!action) return;
  event.preventDefault();
  tree.following.set(false);
  action();
}

/** @param {import("./run-tree.js").RunTree} tree @param {HTMLElement} row @param {HTMLElement[]} cells @param {number} column -1: the row */
function bindings(tree, row, cells, column) {
  const by = (steps) => () => move(tree, row, steps, column);
  return {
    ArrowDown: by(1),
    ArrowUp: by(-1),
    " ": () => tree.bulk.pick(row),
    ShiftArrowDown: () => extend(tree, row, 1),
    ShiftArrowUp: () => extend(tree, row, -1),
    PageDown: by(PAGE),
    PageUp: by(-PAGE),
    Home: () => tree.rowWindow.go(0),
    End: () => tree.rowWindow.go(tree.rowWindow.total - 1),
    ArrowRight: () => (column < 0 && row.ariaExpanded === "false" ? tree.toggle(row) : focusCell(cells[column + 1])),
    ArrowLeft: () => left(tree, row, cells, column),
    "*": () => expandBeside(tree, row),
    "Shift*": () => expandBeside(tree, row),
    Enter: () => enter(tree, row, cells[column]),
    Escape: () => (tree.bulk.names.size ? tree.bulk.clear() : tree.close()),
    c: () => abort(tree, row),
  };
}

/** Press the control of the cell, or else select the row. @param {HTMLElement} row @param {HTMLElement | undefined} cell */
function enter(tree, row, cell) {
  const control = cell?.querySelector(":scope:not([role=rowheader]) > :is(button, input), .source");
  if (control) control.click();
  else if (isGroup(row)) tree.toggle(row);
  else tree.select(nameOf(row));
}

/** Ask whether to abort the picked rows, or else this one. @param {import("./run-tree.js").RunTree} tree @param {HTMLElement} row */
function abort(tree, row) {
  if (isGroup(row) && !tree.bulk.names.size) return row.querySelector("[data-abort-group]")?.click();
  if (!row.querySelector("[data-abort]:enabled, [data-answer]")) return;
  if (tree.bulk.names.size) document.querySelector("abort-dialog").open({ names: [...tree.bulk.names].join(" ") });
  else document.querySelector("abort-popover").open(row);
}

/** Pick this row and the next one. @param {import("./run-tree.js").RunTree} tree @param {HTMLElement} row */
function extend(tree, row, steps) {
  tree.bulk.pick(row, true);
  tree.rowWindow.go(indexOf(tree, row) + steps, (next) => tree.bulk.pick(next, true));
}

/** Where a key moves from: its row, or one that is on its way. @param {import("./run-tree.js").RunTree} tree @param {HTMLElement} row */
const indexOf = (tree, row) => tree.rowWindow.target?.index ?? Number(row.ariaRowIndex) - 1;

/** Up or down, in the same column. @param {import("./run-tree.js").RunTree} tree @param {HTMLElement} row */
function move(tree, row, steps, column) {
  tree.rowWindow.go(indexOf(tree, row) + steps, (target) => column >= 0 && focusCell(cellsOf(target)[column]));
}

/** Out of the cells, then close the branch, then to the parent. @param {import("./run-tree.js").RunTree} tree */
function left(tree, row, cells, column) {
  if (column > 0) focusCell(cells[column - 1]);
  else if (column === 0) tree.focusRow(row);
  else if (row.ariaExpanded === "true") tree.toggle(row);
  else if (row.dataset.parent) tree.rowWindow.go(Number(row.dataset.parent) - 1);
  else tree.focusRow(parentOf(row));
}

/** Expand the row and its siblings, those that are loaded. @param {import("./run-tree.js").RunTree} tree @param {HTMLElement} row */
function expandBeside(tree, row) {
  const parent = parentOf(row);
  for (const one of tree.rows) {
    if (one.ariaExpanded === "false" && one.ariaLevel === row.ariaLevel && parentOf(one) === parent) tree.toggle(one);
  }
}
