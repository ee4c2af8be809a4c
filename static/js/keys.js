// The keys of the tree, as the ARIA treegrid pattern has them. Ours beyond it: Left on a closed row goes to its parent.

const PAGE = 10;

/** @param {Element} row */
export const nameOf = (row) => row.id.slice("action-".length);

/** The cells that show. @param {Element} row */
function cellsOf(row) {
  return [...row.querySelectorAll('[role="rowheader"], [role="gridcell"]')].filter((cell) => cell.offsetWidth > 1);
}

/** Rows come without tabindex on each cell, to be short. @param {HTMLElement | undefined} cell */
function focusCell(cell) {
  if (!cell) return;
  cell.tabIndex = -1;
  cell.focus();
}

/** Do what the key says, if it says anything here. @param {import("./tree.js").RunTree} tree @param {KeyboardEvent} event */
export function pressed(tree, event) {
  const row = event.target.closest("#rows > .row");
  if (!row || event.altKey || event.ctrlKey || event.metaKey || event.target.matches("input:not([type=checkbox]), textarea")) return;
  const cells = cellsOf(row);
  const column = cells.findIndex((cell) => cell.contains(/** @type {Node} */ (event.target)));
  // Enter and space on a control in a cell are its own.
  if (event.target.matches("button, input") && (event.key === "Enter" || event.key === " ")) return;
  const action = meanings(tree, row, cells, column)[event.shiftKey ? `Shift${event.key}` : event.key];
  if (!action) return;
  event.preventDefault();
  tree.following.set(false);
  action();
}

/** @param {import("./tree.js").RunTree} tree @param {HTMLElement} row @param {HTMLElement[]} cells @param {number} column -1: the row */
function meanings(tree, row, cells, column) {
  const by = (steps) => () => move(tree, row, steps, column);
  return {
    ArrowDown: by(1),
    ArrowUp: by(-1),
    " ": () => tree.picks.pick(row),
    ShiftArrowDown: () => extend(tree, row, 1),
    ShiftArrowUp: () => extend(tree, row, -1),
    PageDown: by(PAGE),
    PageUp: by(-PAGE),
    Home: () => tree.loaded.go(0),
    End: () => tree.loaded.go(tree.loaded.total - 1),
    ArrowRight: () => (column < 0 && row.ariaExpanded === "false" ? tree.levels.toggle(row) : focusCell(cells[column + 1])),
    ArrowLeft: () => left(tree, row, cells, column),
    "*": () => expandBeside(tree, row),
    "Shift*": () => expandBeside(tree, row),
    Enter: () => (cells[column]?.querySelector(":scope:not([role=rowheader]) > :is(button, input), .source") ?? { click: () => tree.select(nameOf(row)) }).click(),
    Escape: () => (tree.picks.names.size ? tree.picks.clear() : tree.close()),
    c: () => row.querySelector("[data-abort]:enabled") && document.querySelector("abort-dialog").open(meant(tree, row)),
  };
}

/** What the key for Abort means: what is picked, or else the row. It always asks. @param {HTMLElement} row */
function meant(tree, row) {
  return tree.picks.names.size ? { names: [...tree.picks.names].join(" ") } : { action: nameOf(row) };
}

/** Pick this row and the next one. @param {import("./tree.js").RunTree} tree @param {HTMLElement} row */
function extend(tree, row, steps) {
  tree.picks.pick(row, true);
  tree.loaded.go(indexOf(tree, row) + steps, (next) => tree.picks.pick(next, true));
}

/** Where a key moves from: its row, or one that is on its way. @param {import("./tree.js").RunTree} tree @param {HTMLElement} row */
const indexOf = (tree, row) => tree.loaded.wanted?.index ?? Number(row.ariaRowIndex) - 1;

/** Up or down, in the same column. @param {import("./tree.js").RunTree} tree @param {HTMLElement} row */
function move(tree, row, steps, column) {
  tree.loaded.go(indexOf(tree, row) + steps, (target) => column >= 0 && focusCell(cellsOf(target)[column]));
}

/** Out of the cells, then close the branch, then to the parent. @param {import("./tree.js").RunTree} tree */
function left(tree, row, cells, column) {
  if (column > 0) focusCell(cells[column - 1]);
  else if (column === 0) tree.focusRow(row);
  else if (row.ariaExpanded === "true") tree.levels.toggle(row);
  else if (row.dataset.parent) tree.loaded.go(Number(row.dataset.parent) - 1);
  else tree.focusRow(parentOf(row));
}

/** Expand the row and its siblings, those that are loaded. @param {import("./tree.js").RunTree} tree @param {HTMLElement} row */
function expandBeside(tree, row) {
  const parent = parentOf(row);
  for (const one of tree.rows) {
    if (one.ariaExpanded === "false" && one.ariaLevel === row.ariaLevel && parentOf(one) === parent) tree.levels.toggle(one);
  }
}

/** The parent's row, if it is in the window. @param {HTMLElement} row */
function parentOf(row) {
  const level = Number(row.ariaLevel);
  let above = /** @type {HTMLElement | null} */ (row.previousElementSibling);
  while (above && !(Number(above.ariaLevel) < level && above.matches(".row"))) above = /** @type {HTMLElement | null} */ (above.previousElementSibling);
  return above ?? undefined;
}
