// <run-log>: the log of a run. It stays at its end while its reader is there, and aborts what has printed the lines that are shown.

import { paintColours } from "./colours.js";

const MOST = 500; // their names must fit into one URL
const NEAR_PX = 40;

export class RunLog extends HTMLElement {
  connectedCallback() {
    this.box = this.querySelector(".log");
    this.button = /** @type {HTMLButtonElement} */ (this.querySelector("[data-abort-shown]"));
    this.isAtEnd = true;
    this.box.addEventListener("scroll", () => (this.isAtEnd = this.distance < NEAR_PX));
    this.addEventListener("change", ({ target }) => target.matches("select") && this.querySelector("form").requestSubmit());
    this.addEventListener("htmx:after:swap", () => this.settle());
    this.button.addEventListener("click", () => document.querySelector("abort-dialog").open({ names: this.names.join(" ") }));
    document.addEventListener("abort-asked", () => this.asked());
    document.addEventListener("keydown", (event) => this.pressed(event));
    this.settle();
  }

  /** From the end, in pixels. */
  get distance() {
    return this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight;
  }

  /** Of the actions with a line here that ran when it came. */
  get names() {
    const lines = /** @type {HTMLElement[]} */ ([...this.box.querySelectorAll(".line[data-live]")]);
    return [...new Set(lines.map((line) => line.dataset.action))].slice(0, MOST);
  }

  /** What is shown has been aborted: nothing of it is to be aborted again. */
  asked() {
    for (const line of this.box.querySelectorAll(".line[data-live]")) line.removeAttribute("data-live");
    this.settle();
  }

  /** After lines came. */
  settle() {
    paintColours(this.box);
    if (this.querySelector(".line")) this.querySelector(".empty-line")?.remove();
    const { length } = this.names;
    this.button.hidden = length === 0 || "readsOnly" in document.body.dataset;
    this.button.textContent = length === 1 ? "Abort 1 action…" : `Abort ${length} actions…`;
    if (this.isAtEnd) this.box.scrollTop = this.box.scrollHeight;
  }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    if (event.key !== "/" || event.target.matches("input, select, textarea") || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    /** @type {HTMLElement} */ (this.querySelector("[type=search]")).focus();
  }
}
