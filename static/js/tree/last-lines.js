// The last lines: what each running action has printed last, behind its status, and before that what its processes use, where
// that is measured. Frames bring those that changed; rows come without them, so they are written after each frame. A cookie keeps
// whether this browser shows them. What the selected action uses stands in its panel, too.

import { announce } from "../page/announcer.js";
import { deleteCookie, setCookie } from "../page/persistence.js";
import { write } from "../time/live-clock.js";
import { nameOf } from "./rows.js";

const MOST = 5000; // that are kept
const PLACES = ["small", "samp"]; // in a cell: of what is used, and of what was printed

export class LastLines {
  /** @param {HTMLButtonElement} button @param {HTMLElement} grid @param {(message: object) => boolean} ask */
  constructor(button, grid, ask) {
    this.button = button;
    this.grid = grid;
    this.ask = ask;
    /** @type {Map<string, string>} by name of the action */
    this.lines = new Map();
    /** @type {Map<string, string>} in the same way */
    this.uses = new Map();
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
    this.lines = new Map();
    this.uses = new Map();
  }

  /** With a frame. @param {import("../../../types/page.d.ts").RunFrame} frame */
  take({ lines, uses }) {
    keep(this.lines, lines);
    keep(this.uses, uses);
    this.show();
  }

  /** Write them behind the status of what runs, where nothing more important follows it. */
  show() {
    for (const cell of this.grid.querySelectorAll('#rows > .row[data-phase="running"]:not(.group) > .status')) {
      const name = nameOf(cell.parentElement);
      const texts = [this.uses, this.lines].map((said) => (this.isOn && said.get(name)) || "");
      if (cell.childElementCount === 1 && texts.some(Boolean)) cell.append(...PLACES.map((tag) => document.createElement(tag)));
      PLACES.forEach((tag, at) => {
        const place = cell.querySelector(`:scope > ${tag}`);
        if (place) write(place, texts[at]);
      });
    }
    for (const place of document.querySelectorAll("[data-uses]")) {
      const text = this.uses.get(place.dataset.uses);
      if (text) write(place, text);
    }
  }
}

/** @param {Map<string, string>} kept @param {Record<string, string>} [news] */
function keep(kept, news = {}) {
  for (const [name, text] of Object.entries(news)) {
    kept.delete(name); // so that it is the newest
    kept.set(name, text);
  }
  for (const name of [...kept.keys()].slice(0, Math.max(0, kept.size - MOST))) kept.delete(name);
}
