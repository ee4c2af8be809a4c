// Following a live run: the window goes where the newest running action is, until the reader moves.

import { announce } from "../page/announcer.js";

export class Follow {
  /** @param {HTMLButtonElement} button @param {HTMLElement} grid that the reader scrolls @param {(message: object) => boolean} ask */
  constructor(button, grid, ask) {
    this.button = button;
    this.ask = ask;
    this.isOn = false;
    this.button.addEventListener("click", () => this.toggle());
    for (const kind of ["wheel", "touchmove", "mousedown"]) grid.addEventListener(kind, (event) => this.moved(event), { passive: true });
  }

  /** The reader scrolls, or goes to a row. @param {Event} event */
  moved(event) {
    if (!event.target.closest("[data-follow]")) this.set(false);
  }

  toggle() {
    if (!this.button.hidden) this.set(!this.isOn);
  }

  /** @param {boolean} on */
  set(on) {
    if (on === this.isOn) return;
    this.isOn = on;
    this.button.setAttribute("aria-pressed", String(on));
    this.ask({ kind: "follow", on });
    announce(on ? "Following the newest running action" : "Not following");
  }

  /** After a frame: end with the run. Returns the name of the action to show, or "". */
  settle() {
    const { end, newest } = document.getElementById("run-summary").dataset;
    this.button.hidden = Boolean(end);
    if (end) this.set(false);
    return this.isOn ? newest : "";
  }
}
