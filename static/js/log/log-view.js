// <log-view>: the log of an action, live. Its lines come with the frames of the run (tree/run-tree.js): a page has one socket,
// and what was lost or doubled is noticed in one place (page/socket.js). Of a long log the page holds a part (log-window.js).

import { send } from "../page/socket.js";
import { paintColours } from "./colours.js";
import { fold, removeLines } from "./folds.js";
import { isWide } from "./full-width.js";
import { LineLinks } from "./line-links.js";
import { LogBox } from "./log-box.js";
import { LogWindow } from "./log-window.js";
import { LogSearch } from "./search.js";

const NO_LOG = { kind: "log", action: 0 };

const tree = () => document.querySelector("run-tree");

/** The log that the page shows, and how far: the server sends what follows. */
export const shownLog = () => document.querySelector("log-view")?.position ?? NO_LOG;

export class LogView extends LogBox {
  connectedCallback() {
    this.window = new LogWindow(this);
    this.links = new LineLinks(this);
    super.connectedCallback();
    this.search = new LogSearch(this);
    this.querySelector("[data-wide]").setAttribute("aria-pressed", String(isWide()));
    this.settle();
    this.links.show("center");
    if (this.isLive) this.tellPosition(); // else the next hello holds it
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.search.forget();
    send(tree(), shownLog());
  }

  get wanted() {
    const { attempt } = this.dataset;
    return attempt === "0" ? {} : { attempt };
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

  addressOf(place) {
    return { action: document.getElementById("panel").dataset.name, tab: "logs", line: place };
  }

  get chosenPlace() {
    return this.search.place;
  }

  beforeChoice() {
    this.search.back();
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

  end() {
    delete this.dataset.live;
    this.box.querySelector(".empty-line").textContent = "It printed nothing.";
  }
}
