// The search in a log: goes from match to match, or shows matches only. Lines that are not loaded, the server searches.

import { reveal } from "./folds.js";
import { paint, unpaint } from "./highlight.js";
import { placeOf } from "./log-window.js";
import { ServerSearch } from "./server-search.js";

const TYPING_MS = 150;

export class LogSearch {
  /** @param {import("./log-view.js").LogView} log */
  constructor(log) {
    this.log = log;
    this.form = log.querySelector("form");
    this.input = log.querySelector("input");
    this.count = log.querySelector(".log-count");
    this.wholeButton = log.querySelector("[data-whole]");
    this.server = new ServerSearch(log);
    this.only = log.querySelector("[data-only]");
    /** The lines that match, and which of them is shown. @type {HTMLElement[]} */
    this.hits = [];
    this.at = -1;
    this.timer = 0;
    log.addEventListener("input", (event) => event.target === this.input && this.typed());
    log.addEventListener("change", (event) => event.target.matches("select") && this.renew());
    log.addEventListener("click", (event) => this.clicked(event));
    log.addEventListener("keydown", (event) => this.pressed(event));
    this.form.addEventListener("submit", (event) => event.preventDefault());
  }

  get text() {
    return this.input.value.trim().toLowerCase();
  }

  get stream() {
    return this.log.querySelector("select").value;
  }

  typed() {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.renew(), TYPING_MS);
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const step = event.target.closest("[data-step]")?.dataset.step;
    if (step) this.go(Number(step));
    else if (event.target.closest("[data-only]")) this.toggleOnly();
    else if (event.target.closest("[data-whole]")) this.searchWhole();
    else if (event.target.closest("[data-back]")) this.back();
  }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    const isHere = event.target === this.input;
    if (isHere && event.key === "Enter") this.go(event.shiftKey ? -1 : 1);
    else if (isHere && event.key === "Escape" && this.input.value) this.clear();
    else if (!isHere && event.key === "/") this.input.select();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  clear() {
    this.input.value = "";
    this.renew();
  }

  toggleOnly() {
    this.only.setAttribute("aria-pressed", String(this.only.ariaPressed !== "true"));
    this.settle();
    this.log.settle();
  }

  /** What is searched for changed: the first match in view or below it is shown. */
  renew() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.back();
    this.hits = this.log.all.filter((line) => this.mark(line));
    const top = this.log.box.getBoundingClientRect().top;
    const first = this.hits.findIndex((line) => line.offsetParent && line.getBoundingClientRect().top >= top);
    this.at = this.hits.length ? Math.max(first, 0) : -1;
    this.settle();
    if (this.at >= 0) this.show();
    else this.log.settle();
  }

  /** Whether a line matches; its classes show it. @param {HTMLElement} line */
  mark(line) {
    const isOther = Boolean(this.stream) && (line.dataset.stream ?? "out") !== this.stream;
    const isHit = Boolean(this.text) && !isOther && line.lastChild.textContent.toLowerCase().includes(this.text);
    line.classList.toggle("other", isOther);
    line.classList.toggle("hit", isHit);
    return isHit;
  }

  /** @param {HTMLElement[]} lines that came @param {boolean} isBefore the others */
  added(lines, isBefore) {
    if (!this.text && !this.stream) return;
    const hits = lines.filter((line) => this.mark(line));
    this.hits = isBefore ? [...hits, ...this.hits] : [...this.hits, ...hits];
    if (isBefore && this.at >= 0) this.at += hits.length;
    this.settle();
  }

  /** Some lines went. */
  removed() {
    const shown = this.hits[this.at];
    this.hits = this.hits.filter((line) => line.isConnected);
    this.at = Math.max(this.hits.indexOf(shown), this.hits.length ? 0 : -1);
    this.settle();
  }

  /** The place of the match that is shown. */
  get place() {
    return placeOf(this.hits[this.at]);
  }

  /** @param {number} step */
  go(step) {
    if (this.timer) this.renew(); // later it would go back to the first match
    if (!this.hits.length) return;
    this.at = (this.at + step + this.hits.length) % this.hits.length;
    this.settle();
    this.show();
  }

  show() {
    const line = this.hits[this.at];
    reveal(line);
    line.scrollIntoView({ block: "nearest" });
    this.log.scrolled();
  }

  settle() {
    this.count.textContent = this.text ? (this.hits.length ? `${this.at + 1} of ${this.hits.length}` : "No match") : "";
    this.log.toggleAttribute("data-ui-only", this.only.ariaPressed === "true" && Boolean(this.text));
    for (const button of this.log.querySelectorAll("[data-step]")) /** @type {HTMLButtonElement} */ (button).disabled = !this.hits.length;
    this.wholeButton.hidden = !this.text || !(this.log.window.isCut || this.log.window.hasMore);
    this.log.links.button.disabled = this.at < 0;
    for (const line of this.log.querySelectorAll(".line.now")) line.classList.remove("now");
    this.hits[this.at]?.classList.add("now");
    paint(this.hits, this.text);
  }

  /** The log goes away. */
  forget() {
    clearTimeout(this.timer);
    unpaint();
  }

  searchWhole() {
    clearTimeout(this.timer);
    this.back();
    this.server.search(this.input.value.trim(), this.stream);
  }

  /** From what the server found to the end of the log. */
  back() {
    const hadFocus = this.server.leave();
    if (hadFocus === undefined) return;
    paint(this.hits, this.text);
    this.log.settle();
    if (hadFocus) this.input.focus();
  }
}
