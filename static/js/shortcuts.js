// Keys of the whole page: one letter, wherever nothing is typed. Those of rows are in keys.js.

/** @type {Record<string, () => void>} */
const MEANINGS = {
  "/": () => filters().focus(),
};

const filters = () => document.querySelector("run-filter");

/** @param {Element} target */
const isTyping = (target) => target.closest?.("input:not([type=checkbox]), textarea, select, dialog");

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || isTyping(event.target) || !filters()) return;
  const meaning = MEANINGS[event.key.toLowerCase()];
  if (!meaning) return;
  event.preventDefault();
  meaning();
});
