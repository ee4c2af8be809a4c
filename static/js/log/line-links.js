// Links to lines: the time of a line is one. The page that it leads to shows the line among those around it, marked.

import { announce } from "../page/announcer.js";
import { setQuery } from "../page/persistence.js";
import { reveal } from "./folds.js";
import { placeOf } from "./log-window.js";

export class LineLinks {
  /** @param {import("./log-box.js").LogBox} log */
  constructor(log) {
    this.log = log;
    /** The place of the line that the address leads to. */
    this.place = log.dataset.line ?? "";
    this.button = /** @type {HTMLButtonElement} */ (log.querySelector("[data-link]"));
  }

  /** The line that the address leads to, when it is loaded. */
  get line() {
    return /** @type {HTMLElement | undefined} */ (this.place && this.log.box.querySelector(`a[href="?line=${this.place}"]`)?.parentElement) || undefined;
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const link = event.target.closest(".line > a[href^='?line=']");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    this.choose(placeOf(link.parentElement));
  }

  /** Let the address lead to a line, and show it. @param {string} place */
  async choose(place) {
    if (!place) return;
    this.place = place;
    if (!this.line && !(await this.log.window.go(place))) return;
    this.log.beforeChoice();
    setQuery(this.log.addressOf(place));
    this.show("nearest");
    announce("The address of the page leads to this line");
  }

  /** @param {ScrollLogicalPosition} block */
  show(block) {
    const { line } = this;
    this.mark();
    if (!line) return;
    this.log.follows = false;
    reveal(line);
    line.scrollIntoView({ block });
    this.log.scrolled();
  }

  /** Mark the line, which may have been loaded again. */
  mark() {
    for (const one of this.log.querySelectorAll(".line.linked")) one.classList.remove("linked");
    this.line?.classList.add("linked");
  }
}
