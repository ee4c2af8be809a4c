// <run-log>: the log of a run, live by a socket of its own. Its reader goes from line to line, and aborts what has printed those that
// are shown.

import { send } from "../page/socket.js";
import { paintColours } from "./colours.js";
import { fold, reveal } from "./folds.js";
import { paint } from "./highlight.js";
import { LineLinks } from "./line-links.js";
import { LogBox } from "./log-box.js";
import { placeOf } from "./log-window.js";
import { RunLogWindow } from "./run-log-window.js";

const MOST = 500; // actions: their names must fit into one URL
const IN_A_PART = 200; // lines: then the next frame begins another one

export class RunLog extends LogBox {
  connectedCallback() {
    this.parts = new RunLogWindow(this);
    this.window = this.parts;
    this.links = new LineLinks(this);
    this.form = this.querySelector("form");
    this.input = /** @type {HTMLInputElement} */ (this.querySelector("[type=search]"));
    this.button = /** @type {HTMLButtonElement} */ (this.querySelector("[data-abort-shown]"));
    super.connectedCallback();
    this.addEventListener("change", ({ target }) => target.matches("select") && this.form.requestSubmit());
    this.button.addEventListener("click", () => document.querySelector("abort-dialog").open({ names: this.names.join(" ") }));
    document.addEventListener("abort-asked", () => this.asked());
    document.addEventListener("keydown", (event) => this.pressed(event));
    this.changed();
    this.settle();
    this.links.show("center");
  }

  get wanted() {
    return Object.fromEntries(new URLSearchParams(this.dataset.filters));
  }

  // --- live ---------------------------------------------------------------------------------------------------------

  /** Up to where the page has the log, if it waits for more. */
  get position() {
    if (!this.isLive || this.window.hasMore) return { kind: "tail" };
    const [chunk, number] = this.parts.next.split(".").map(Number);
    return { kind: "tail", chunk, number, query: this.dataset.filters };
  }

  hello() {
    return { kind: "hello", since: -1, tail: this.position };
  }

  tellPosition() {
    send(this, this.position);
  }

  /** @param {import("../../../types/page.d.ts").RunLogFrame} frame */
  afterFrame({ log }) {
    if (!log || this.window.hasMore || log.since !== this.parts.next) return;
    const count = this.add(log);
    if (!this.follows) this.unseen += count;
    this.window.trimStart();
    if (log.isOver) this.end();
    this.settle();
  }

  /** Returns how many lines there are. @param {{since: string, upto: string, html: string}} log */
  add({ since, upto, html }) {
    const part = document.createElement("div");
    part.className = "log-part";
    Object.assign(part.dataset, { first: since, next: upto });
    part.innerHTML = html;
    const count = part.children.length;
    const last = [...this.parts.parts].at(-1);
    if (last.querySelectorAll(".line").length + count > IN_A_PART) return this.insert(part, false);
    const lines = /** @type {HTMLElement[]} */ ([...part.children]);
    paintColours(part);
    last.append(...lines);
    last.dataset.next = upto;
    fold(lines);
    this.changed();
    return count;
  }

  /** Put a part before ours, or behind them. Returns how many lines it has. @param {HTMLElement} part @param {boolean} isBefore */
  insert(part, isBefore) {
    const lines = /** @type {HTMLElement[]} */ ([...part.children]);
    paintColours(part);
    if (isBefore) this.box.querySelector(".log-cut").after(part);
    else this.box.querySelector(".empty-line").before(part);
    fold(lines);
    this.links.mark();
    this.changed();
    return lines.length;
  }

  end() {
    delete this.dataset.live;
    this.dataset.end = "";
    this.asked();
  }

  // --- what is shown --------------------------------------------------------------------------------------------------

  /** Of the actions with a line here that ran when it came. */
  get names() {
    const lines = /** @type {HTMLElement[]} */ ([...this.box.querySelectorAll(".line[data-live]")]);
    return [...new Set(lines.map((line) => line.dataset.action))].slice(0, MOST);
  }

  /** What is shown has been aborted, or has ended: nothing of it is to be aborted. */
  asked() {
    for (const line of this.box.querySelectorAll(".line[data-live]")) line.removeAttribute("data-live");
    this.changed();
  }

  /** Lines came or went. */
  changed() {
    const { length } = this.names;
    this.button.hidden = length === 0 || "readsOnly" in document.body.dataset;
    this.button.textContent = length === 1 ? "Abort 1 action…" : `Abort ${length} actions…`;
    if (this.wanted.q) paint(this.all, this.wanted.q.toLowerCase());
  }

  // --- from line to line ------------------------------------------------------------------------------------------------

  /** @param {KeyboardEvent} event */
  pressed(event) {
    if (document.querySelector("dialog[open]") || event.altKey || event.ctrlKey || event.metaKey) return;
    const isFiltered = this.input.value === (this.wanted.q ?? "");
    if (event.target === this.input && event.key === "Enter" && isFiltered) this.step(event.shiftKey ? -1 : 1);
    else if (event.key === "/" && !event.target.matches("input, select, textarea")) this.input.select();
    else return;
    event.preventDefault();
  }

  get now() {
    return /** @type {HTMLElement | null} */ (this.box.querySelector(".line.now"));
  }

  get chosenPlace() {
    return placeOf(this.now);
  }

  /** Show the next line, or the one before: at first the last one in view. @param {number} by */
  step(by) {
    const lines = this.all;
    const { now } = this;
    const { bottom } = this.box.getBoundingClientRect();
    const inView = lines.findLastIndex((line) => line.getBoundingClientRect().bottom <= bottom);
    const at = now ? lines.indexOf(now) + by : inView;
    const line = lines[Math.max(0, Math.min(lines.length - 1, at))];
    if (!line) return;
    now?.classList.remove("now");
    line.classList.add("now");
    reveal(line);
    this.leaveEnd();
    line.scrollIntoView({ block: "nearest" });
    this.scrolled();
    /** @type {HTMLButtonElement} */ (this.querySelector("[data-link]")).disabled = !this.chosenPlace;
  }

  clicked(event) {
    const step = event.target.closest("[data-step]");
    if (step) this.step(Number(step.dataset.step));
    else super.clicked(event);
  }
}
