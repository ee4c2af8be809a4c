// Keys of the whole run page: one character, except while one types. Those of rows are in tree/keys.js; dialogs/_run_keys_help.html lists all.

import { toggleWide } from "../log/full-width.js";

const filters = () => document.querySelector("run-filter");
const keysHelp = () => document.querySelector("keys-help");
const tree = () => document.querySelector("run-tree");
const zooming = () => document.querySelector("time-axis").zooming;

/** @type {Record<string, (event: KeyboardEvent) => void>} */
const MEANINGS = {
  "/": () => filters().focus(),
  "?": () => keysHelp().open(),
  l: () => tree().following.toggle(),
  o: () => tree().lastLines.toggle(),
  f: (event) => tree().jumpToFailure(event.shiftKey),
  x: () => filters().toggleFailed(),
  n: () => filters().toggleStarted(),
  s: () => besideOf(tree().currentName),
  e: () => tree().openLevels(0),
  w: () => tree().openLevels(2),
  "+": () => zooming().step(1),
  "=": () => zooming().step(1),
  "-": () => zooming().step(-1),
  0: () => zooming().reset(),
  t: () => document.querySelector("time-switch").next(),
  g: () => toggleWide(),
  r: () => runAgain(),
  q: () => zooming().toggleQueue(),
  "[": () => neighbour("prev"),
  "]": () => neighbour("next"),
};
for (let depth = 1; depth <= 9; depth++) MEANINGS[depth] = () => tree().openLevels(depth);

/** The run before this one or after it, if there is one. @param {string} rel */
function neighbour(rel) {
  /** @type {HTMLElement | null} */ (document.querySelector(`.neighbours a[rel=${rel}]`))?.click();
}

/** Where its button is, which a reader may lack. */
function runAgain() {
  /** @type {HTMLElement | null} */ const link = document.querySelector(".run-actions [data-rerun]");
  if (link?.checkVisibility()) link.click();
}

/** @param {string} name */
function besideOf(name) {
  if (name && name !== "a0" && !name.startsWith("~")) document.querySelector("abort-dialog").open({ beside: name });
}

/** @param {EventTarget} target */
const isTyping = (target) => target.closest?.("input:not([type=checkbox]), textarea, select");

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.repeat || event.altKey || event.ctrlKey || event.metaKey) return;
  if (!tree() || !keysHelp()?.isOn || isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const meaning = MEANINGS[event.key.toLowerCase()];
  if (!meaning) return;
  event.preventDefault();
  meaning(event);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-levels]");
  if (button) tree().openLevels(Number(button.dataset.levels));
});
