// Following a live run: the window goes where the newest running action is, until one moves oneself.

import { say } from "./announce.js";
import { send } from "./live.js";
import { arrive } from "./seek.js";

export class Follow {
  /** @param {import("./tree.js").RunTree} tree */
  constructor(tree) {
    this.tree = tree;
    this.isOn = false;
    this.button = tree.querySelector("[data-follow]");
    this.button.addEventListener("click", () => this.toggle());
    for (const kind of ["wheel", "touchmove", "mousedown"]) tree.grid.addEventListener(kind, (event) => this.moved(event), { passive: true });
  }

  /** Somebody scrolls, or goes to a row. @param {Event} event */
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
    send(this.tree, { kind: "follow", on }); // else the next hello says it
    say(on ? "Following the newest running action" : "Not following");
  }

  /** After a frame: show the row, and end with the run. @param {object} frame */
  settle(frame) {
    arrive(this.tree, frame);
    const { end, newest } = document.getElementById("run-summary").dataset;
    this.button.hidden = Boolean(end);
    if (end) this.set(false);
    if (this.isOn && newest) this.tree.row(newest)?.scrollIntoView({ block: "nearest" });
  }
}
