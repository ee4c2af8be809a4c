// Keys of the whole page: one character, wherever nothing is typed. Those of rows are in keys.js; _keys.html lists all.

import { currentName, seek } from "./seek.js";

const filters = () => document.querySelector("run-filter");
const sheet = () => document.querySelector("keys-sheet");
const tree = () => document.querySelector("run-tree");
const zooming = () => document.querySelector("time-axis").zooming;

/** @type {Record<string, (event: KeyboardEvent) => void>} */
const MEANINGS = {
  "/": () => filters().focus(),
  "?": () => sheet().open(),
  l: () => tree().following.toggle(),
  f: (event) => seek(tree(), event.shiftKey),
  x: () => filters().toggleFailed(),
  n: () => filters().toggleStarted(),
  s: () => besideOf(currentName(tree())),
  e: () => tree().levels.open(0),
  w: () => tree().levels.open(2),
  "+": () => zooming().step(1),
  "=": () => zooming().step(1),
  "-": () => zooming().step(-1),
  0: () => zooming().reset(),
  t: () => document.querySelector("time-switch").next(),
  q: () => zooming().toggleQueue(),
  "[": () => neighbour("prev"),
  "]": () => neighbour("next"),
};
for (let depth = 1; depth <= 9; depth++) MEANINGS[depth] = () => tree().levels.open(depth);

/** The run before this one or after it, if there is one. @param {string} rel */
function neighbour(rel) {
  /** @type {HTMLElement | null} */ (document.querySelector(`.neighbours a[rel=${rel}]`))?.click();
}

/** @param {string} name */
function besideOf(name) {
  if (name && name !== "a0") document.querySelector("abort-dialog").open({ beside: name });
}

/** @param {EventTarget} target */
const isTyping = (target) => target.closest?.("input:not([type=checkbox]), textarea, select");

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.repeat || event.altKey || event.ctrlKey || event.metaKey) return;
  if (!tree() || !sheet()?.isOn || isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const meaning = MEANINGS[event.key.toLowerCase()];
  if (!meaning) return;
  event.preventDefault();
  meaning(event);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-levels]");
  if (button) tree().levels.open(Number(button.dataset.levels));
});
