// The last lines: what each running action has printed last, behind its status. Frames bring those that changed; rows come without
// them, so they are written after each frame. A cookie keeps whether this browser shows them.

import { announce } from "../page/announcer.js";
import { deleteCookie, setCookie } from "../page/persistence.js";
import { write } from "../time/live-clock.js";
import { nameOf } from "./rows.js";

const MOST = 5000; // that are kept

export class LastLines {
  /** @param {HTMLButtonElement} button @param {HTMLElement} grid @param {(message: object) => boolean} ask */
  constructor(button, grid, ask) {
    this.button = button;
    this.grid = grid;
    this.ask = ask;
    /** @type {Map<string, string>} by name of the action */
    this.lines = new Map();
    button.addEventListener("click", () => this.toggle());
  }

  get isOn() {
    return this.button.ariaPressed === "true";
  }

  toggle() {
    const on = !this.isOn;
    this.button.setAttribute("aria-pressed", String(on));
    if (on) deleteCookie("lines");
    else setCookie("lines", "off");
    this.ask({ kind: "lines", on });
    this.show();
    announce(on ? "Last lines of logs shown" : "Last lines of logs hidden");
  }

  /** A new connection brings them all. */
  forget() {
    this.lines.clear();
  }

  /** With a frame. @param {Record<string, string> | undefined} news */
  take(news) {
    if (this.lines.size > MOST) this.lines.clear();
    for (const [name, line] of Object.entries(news ?? {})) this.lines.set(name, line);
    this.show();
  }

  /** Write them behind the status of what runs, where nothing more important follows it. */
  show() {
    for (const cell of this.grid.querySelectorAll('#rows > .row[data-phase="running"]:not(.group) > .status')) {
      const line = (this.isOn && this.lines.get(nameOf(cell.parentElement))) || "";
      const place = cell.querySelector("samp") ?? (line && cell.childElementCount === 1 && cell.appendChild(document.createElement("samp")));
      if (place) write(place, line);
    }
  }
}
