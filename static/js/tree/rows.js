// What the HTML of a row holds: the action's name, its cells, its checkbox, its parent.

/** Of the action. @param {Element} row */
export const nameOf = (row) => row.id.slice("action-".length);

/** The row of an action, when it is in the page. @param {string} name */
export const rowOf = (name) => document.getElementById(`action-${name}`);

/** Whether it is a group's: that has a name of its own, but no action, no panel and no checkbox. @param {Element} row */
export const isGroup = (row) => row.classList.contains("group");

/** @param {Element} row */
export const isRoot = (row) => nameOf(row) === "a0";

/** What its name cell says of it: the task, and what tells it from its siblings; where that is nothing, the action's name.
 * @param {Element} row */
export function titleOf(row) {
  const said = [...row.querySelectorAll(".name > :not(.twist, .phase-mark, .chip, code)")].map((one) => one.textContent.trim());
  const parts = said.filter(Boolean);
  return parts.length > 1 ? parts.join(" ") : `${parts.join("")} ${nameOf(row)}`;
}

/** The cells that are visible. @param {Element} row */
export function cellsOf(row) {
  return [...row.querySelectorAll('[role="rowheader"], [role="gridcell"]')].filter((cell) => cell.offsetWidth > 1);
}

/** Its checkbox; only a live action has one. @param {HTMLElement} row @returns {HTMLInputElement | null} */
export const boxOf = (row) => row.querySelector(".pick > input");

/** The parent's row, if it is in the window. @param {HTMLElement} row */
export function parentOf(row) {
  const level = Number(row.ariaLevel);
  let above = row.previousElementSibling;
  while (above && !(Number(above.ariaLevel) < level && above.matches(".row"))) above = above.previousElementSibling;
  return /** @type {HTMLElement | undefined} */ (above ?? undefined);
}

/** The row in which the focus is. */
export const focusedRow = () => /** @type {HTMLElement | null} */ (document.activeElement?.closest?.("#rows > .row") ?? null);
