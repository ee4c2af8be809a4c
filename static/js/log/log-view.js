// <log-view>: the log of an action, live. Its lines come with the frames of the run (tree/run-tree.js): a page has one socket,
// and what was lost or doubled is noticed in one place (page/socket.js). Of a long log the page holds a part (log-window.js).

import { send } from "../page/socket.js";
import { paintColours } from "./colours.js";
import { fold, removeLines, toggle } from "./folds.js";
import { isWide } from "./full-width.js";
import { LineLinks } from "./line-links.js";
import { LogWindow } from "./log-window.js";
import { LogSearch } from "./search.js";

const NEAR_PX = 24;
const WRAP = "flyteui.log-wrap";
const NO_LOG = { kind: "log", action: 0 };

const tree = () => document.querySelector("run-tree");
const UP_KEYS = ["Home", "PageUp", "ArrowUp"];

/** The log that the page shows, and how far: the server sends what follows. */
export const shownLog = () => document.querySelector("log-view")?.position ?? NO_LOG;

export class LogView extends HTMLElement {
  connectedCallback() {
    this.box = this.querySelector(".log");
    this.jump = /** @type {HTMLButtonElement} */ (this.querySelector(".log-jump"));
    this.follows = true;
    this.unseen = 0;
    this.window = new LogWindow(this);
    this.links = new LineLinks(this);
    this.search = new LogSearch(this);
    this.box.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.box.addEventListener("keydown", ({ key }) => UP_KEYS.includes(key) && this.leaveEnd());
    this.box.addEventListener("wheel", ({ deltaY }) => deltaY < 0 && this.leaveEnd(), { passive: true });
    this.jump.addEventListener("click", () => this.toEnd());
    this.addEventListener("click", (event) => this.clicked(event));
    this.wrap = this.querySelector("[data-wrap]");
    this.wrap.addEventListener("click", () => this.toggleWrap());
    this.toggleAttribute("data-ui-nowrap", localStorage.getItem(WRAP) === "off");
    this.sizes = new ResizeObserver(() => this.settle());
    this.sizes.observe(this.box);
    this.querySelector("[data-wide]").setAttribute("aria-pressed", String(isWide()));
    paintColours(this.box);
    fold(this.all);
    this.settle();
    this.links.show("center");
    if (this.isLive) this.tellPosition(); // else the next hello holds it
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

  /** Up to where the page has the log, if it waits for more. */
  get position() {
    const { action, attempt, chunk, lines } = this.dataset;
    if (!this.isLive || this.window.hasMore) return NO_LOG;
    return { kind: "log", action: Number(action), attempt: Number(attempt), chunk: Number(chunk), lines: Number(lines) };
  }

  tellPosition() {
    send(tree(), this.position);
  }

  /** Take lines that follow ours; others are for a log that was shown before. @param {import("../../../types/page.d.ts").LogFrame} frame */
  take(frame) {
    const { position } = this;
    const isNext = String(frame.since) === `${position.chunk},${position.lines}`;
    if (frame.action !== position.action || frame.attempt !== position.attempt || !isNext) return;
    const template = document.createElement("template");
    template.innerHTML = frame.html;
    const count = this.insert(template.content, false);
    [this.dataset.chunk, this.dataset.lines] = frame.upto.map(String);
    if (!this.follows) this.unseen += count;
    this.window.trimStart();
    if (frame.isOver) this.end();
    this.settle();
  }

  /** Put lines before ours, or behind them. Returns how many there are. @param {ParentNode} part @param {boolean} isBefore */
  insert(part, isBefore) {
    const lines = /** @type {HTMLElement[]} */ ([...part.children]);
    paintColours(part);
    if (isBefore) this.box.querySelector(".log-cut").after(...lines);
    else this.box.querySelector(".empty-line").before(...lines);
    fold(lines);
    this.search.added(lines, isBefore);
    this.links.mark();
    return lines.length;
  }

  /** @param {HTMLElement[]} lines the first ones, or the last */
  drop(lines) {
    removeLines(lines);
    fold(this.all.slice(0, 1));
    fold(this.all.slice(-1));
    this.search.removed();
  }

  /** What is read stays where it is, whatever comes or goes above it: also at the top, where the browser does not care for that.
   * @param {() => void} change */
  keepPlace(change) {
    this.box.style.overflowAnchor = "none";
    const { top } = this.box.getBoundingClientRect();
    const line = this.follows ? undefined : this.all.find((one) => one.getBoundingClientRect().bottom > top);
    const before = line?.getBoundingClientRect().top;
    change();
    if (line?.isConnected) this.box.scrollTop += line.getBoundingClientRect().top - before;
    this.box.style.overflowAnchor = "";
  }

  end() {
    delete this.dataset.live;
    this.box.querySelector(".empty-line").textContent = "It printed nothing.";
  }

  scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.box;
    const below = scrollHeight - scrollTop - clientHeight;
    const isAtEnd = below < NEAR_PX && !this.window.hasMore;
    // Where the box has grown or shrunk since it was settled, nobody has scrolled away from the end: it moved.
    const isReaders = this.extent === this.settled;
    if (isAtEnd || isReaders) this.follows = isAtEnd;
    if (this.follows) this.unseen = 0;
    // A key scrolls in steps, and the first ones are still near the end: to go back there would end its way.
    if (isReaders) this.showWhere();
    else this.settle();
    if (scrollTop < clientHeight && !this.follows) this.window.earlier().then((came) => came && this.settle());
    else if (below < clientHeight) this.window.later().then((came) => came && this.settle());
  }

  /** At once: until the scroll event comes, the box may be resized and settle where it was. */
  leaveEnd() {
    if (this.box.scrollTop > 0) this.follows = false;
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const head = event.target.closest(".fold");
    if (head) this.toggle(head);
    else if (event.target.closest("[data-earlier]")) this.window.earlier();
    else if (event.target.closest("[data-later]")) this.window.later();
    else if (event.target.closest("[data-link]")) this.links.choose(this.search.place);
    else this.links.clicked(event);
  }

  /** What is read stays where it is. @param {HTMLElement} head of a fold */
  toggle(head) {
    this.follows = false;
    toggle(head);
    this.scrolled();
  }

  get extent() {
    return `${this.box.scrollHeight} ${this.box.clientHeight}`;
  }

  toggleWrap() {
    localStorage.setItem(WRAP, this.toggleAttribute("data-ui-nowrap") ? "off" : "on");
    this.settle();
  }

  async toEnd() {
    if (this.window.hasMore && !(await this.window.go())) return;
    this.follows = true;
    this.unseen = 0;
    this.settle();
    this.box.focus();
  }

  /** Stay at the end, or show how many lines came since. */
  settle() {
    if (this.follows) this.box.scrollTop = this.box.scrollHeight;
    this.settled = this.extent;
    this.showWhere();
  }

  showWhere() {
    this.wrap.setAttribute("aria-pressed", String(!this.hasAttribute("data-ui-nowrap")));
    this.jump.hidden = this.follows;
    this.jump.textContent = this.unseen ? `${this.unseen} new ${this.unseen > 1 ? "lines" : "line"} ↓` : "Jump to the end ↓";
  }
}
