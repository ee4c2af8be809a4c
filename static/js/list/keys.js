// Keys of the list of runs: one character, except while one types. dialogs/_list_keys_help.html lists them all.

const list = () => document.querySelector("run-list");
const keysHelp = () => document.querySelector("keys-help");

/** The links to the runs, one a row. */
const links = () => [...list().querySelectorAll("tbody th a")];

/** The row that has the focus, or none. */
const row = () => document.activeElement.closest("run-list tbody tr");

/** Go so many rows on; from anywhere else, to the first. @param {number} steps */
function move(steps) {
  const all = links();
  const at = row() ? all.findIndex((link) => row().contains(link)) + steps : 0;
  all[Math.min(Math.max(at, 0), all.length - 1)]?.focus();
}

/** Ask for an abort of what is selected, or else of the row. */
function abort() {
  const box = /** @type {HTMLInputElement | null} */ (row()?.querySelector(".pick > input"));
  const names = list().picks.names.size ? [...list().picks.names] : box && "live" in box.dataset ? [box.value] : [];
  if (names.length) document.querySelector("abort-dialog").open({ names: names.join(" ") });
}

/** @type {Record<string, () => void>} */
const MEANINGS = {
  "/": () => /** @type {HTMLInputElement} */ (document.querySelector("#run-filters [type=search]")).select(),
  "?": () => keysHelp().open(),
  t: () => document.querySelector("time-switch").next(),
  j: () => move(1),
  k: () => move(-1),
  x: () => row()?.querySelector(".pick > input")?.click(),
  c: abort,
};
/** Keys that scroll any page: they work only where a row has the focus. @type {Record<string, () => void>} */
const IN_ROWS = { ArrowDown: MEANINGS.j, ArrowUp: MEANINGS.k };

/** @param {EventTarget} target */
const isTyping = (target) => target.closest("input:not([type=checkbox]), textarea, select");

document.addEventListener("keydown", (event) => {
  if (!list() || event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const meaning = (row() && IN_ROWS[event.key]) || (keysHelp().isOn && MEANINGS[event.key.toLowerCase()]);
  if (!meaning) return;
  event.preventDefault();
  meaning();
});
