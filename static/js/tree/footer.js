// The line below the tree: which rows are loaded, and how many came below what is visible of a live run.

import { write } from "../time/live-clock.js";

const NUMBERS = new Intl.NumberFormat("en");

export class Footer {
  /** @param {HTMLElement} element @param {import("./row-window.js").RowWindow} rowWindow @param {import("./follow.js").Follow} following */
  constructor(element, rowWindow, following) {
    this.rowWindow = rowWindow;
    this.following = following;
    this.note = element.querySelector("[data-loaded]");
    this.more = element.querySelector("[data-more]");
    this.added = 0; // rows below what is visible that the reader has not seen
    this.total = rowWindow.total;
    this.isReshaped = false;
    this.more.addEventListener("click", () => rowWindow.go(rowWindow.total - 1));
    rowWindow.grid.addEventListener("scroll", () => this.scrolled(), { passive: true });
  }

  /** The reader changes which rows there are: none of them is new. */
  reshape() {
    this.isReshaped = true;
  }

  /** After a frame. @param {number} above how many of the rows that came are above what is visible */
  settle(above) {
    const { before, rows, total } = this.rowWindow;
    const came = total - this.total - above;
    this.added = this.isReshaped ? 0 : Math.max(0, this.added + came);
    this.isReshaped = false;
    this.total = total;
    const end = before + rows.length;
    this.note.hidden = end - before >= total;
    write(this.note.querySelector("[data-range]"), `${NUMBERS.format(before + 1)}–${NUMBERS.format(end)}`);
    write(this.note.querySelector("[data-total]"), NUMBERS.format(total));
    this.show();
  }

  scrolled() {
    if (this.added) this.show();
  }

  show() {
    if (this.rowWindow.visible.bottom >= this.total) this.added = 0;
    const isLive = !document.getElementById("run-summary").dataset.end;
    this.more.hidden = !isLive || !this.added || this.following.isOn;
    write(this.more, `${NUMBERS.format(this.added)} more ↓`);
  }
}
