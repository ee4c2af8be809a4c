// <log-view>: the log of an action, live. Its lines come with the frames of the run (tree/run-tree.js): a page has one socket,
// and what was lost or doubled is noticed in one place (page/socket.js).

import { send } from "../page/socket.js";
import { LogSearch } from "./search.js";

const MAX_LINES = 5000;
const SLACK_PX = 24;
const WRAP = "flyteui.log-wrap";
const NO_LOG = { kind: "log", action: 0 };

const tree = () => document.querySelector("run-tree");

/** @param {Element} first @param {Element} last */
function* between(first, last) {
  for (let line = first.nextElementSibling; line !== last; line = line.nextElementSibling) yield /** @type {HTMLElement} */ (line);
}

/** The log that the page shows, and how far: the server sends what follows. */
export const shownLog = () => document.querySelector("log-view")?.position ?? NO_LOG;

export class LogView extends HTMLElement {
  connectedCallback() {
    this.box = this.querySelector(".log");
    this.jump = /** @type {HTMLButtonElement} */ (this.querySelector(".log-jump"));
    this.follows = true;
    this.unseen = 0;
    this.search = new LogSearch(this);
    this.box.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.jump.addEventListener("click", () => this.toEnd());
    this.wrap = this.querySelector("[data-wrap]");
    this.wrap.addEventListener("click", () => this.toggleWrap());
    this.toggleAttribute("data-ui-nowrap", localStorage.getItem(WRAP) === "off");
    this.sizes = new ResizeObserver(() => this.settle());
    this.sizes.observe(this.box);
    this.settle();
    if (this.isLive) send(tree(), this.position); // else the next hello holds it
  }

  disconnectedCallback() {
    this.sizes.disconnect();
    this.search.forget();
    send(tree(), shownLog());
  }

  /** The lines that are loaded. */
  get all() {
    return [...this.box.querySelectorAll(".line")];
  }

  get isLive() {
    return "live" in this.dataset;
  }

  get position() {
    const { action, attempt, chunk, lines } = this.dataset;
    return this.isLive ? { kind: "log", action: Number(action), attempt: Number(attempt), chunk: Number(chunk), lines: Number(lines) } : NO_LOG;
  }

  /** Take lines that follow ours; others are for a log that was shown before. @param {import("../../../types/page.d.ts").LogFrame} frame */
  take(frame) {
    const { position } = this;
    const isNext = String(frame.since) === `${position.chunk},${position.lines}`;
    if (frame.action !== position.action || frame.attempt !== position.attempt || !isNext) return;
    const end = this.box.querySelector(".empty-line");
    const last = end.previousElementSibling;
    end.insertAdjacentHTML("beforebegin", frame.html);
    [this.dataset.chunk, this.dataset.lines] = frame.upto.map(String);
    const added = [...between(last, end)];
    if (!this.follows) this.unseen += added.length;
    this.search.added(added);
    this.bound();
    if (frame.isOver) this.end();
    this.settle();
  }

  /** Remove the first lines. Who reads further up keeps twice as many, so that they are not taken away at once. */
  bound() {
    const most = this.follows ? MAX_LINES : 2 * MAX_LINES;
    const gone = this.all.slice(0, -most);
    if (!gone.length) return;
    for (const line of gone) line.remove();
    this.dataset.cut = "";
    this.search.removed();
  }

  end() {
    delete this.dataset.live;
    this.box.querySelector(".empty-line").textContent = "It printed nothing.";
  }

  scrolled() {
    const isAtEnd = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < SLACK_PX;
    // Where the box has grown or shrunk since it was settled, nobody has scrolled away from the end: it moved.
    if (isAtEnd || this.extent === this.settled) this.follows = isAtEnd;
    if (this.follows) this.unseen = 0;
    this.settle();
  }

  get extent() {
    return `${this.box.scrollHeight} ${this.box.clientHeight}`;
  }

  toggleWrap() {
    localStorage.setItem(WRAP, this.toggleAttribute("data-ui-nowrap") ? "off" : "on");
    this.settle();
  }

  toEnd() {
    this.follows = true;
    this.unseen = 0;
    this.settle();
    this.box.focus();
  }

  /** Stay at the end, or show how many lines came since. */
  settle() {
    if (this.follows) this.box.scrollTop = this.box.scrollHeight;
    this.settled = this.extent;
    this.wrap.setAttribute("aria-pressed", String(!this.hasAttribute("data-ui-nowrap")));
    this.jump.hidden = this.follows;
    this.jump.textContent = this.unseen ? `${this.unseen} new ${this.unseen > 1 ? "lines" : "line"} ↓` : "Jump to the end ↓";
  }
}
