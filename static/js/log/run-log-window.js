// The part of the log of a run that the page holds. It comes in parts, each of which says from where and up to where its lines are,
// whether some of them are wanted or none. Parts go as they came: whole.

import { LogWindow, MOST } from "./log-window.js";

export class RunLogWindow extends LogWindow {
  /** @param {import("./run-log.js").RunLog} log */
  constructor(log) {
    super(/** @type {any} */ (log));
    /** Ours, by its own type. */
    this.of = log;
  }

  get parts() {
    return this.of.box.querySelectorAll(".log-part");
  }

  /** Where the part begins. */
  get first() {
    return this.parts[0].dataset.first;
  }

  /** What follows the part begins here. */
  get next() {
    return this.parts[this.parts.length - 1].dataset.next;
  }

  async earlier() {
    const { first } = this;
    const part = this.isCut && (await this.ask({ before: first }));
    if (!part || this.first !== first) return false;
    this.of.toggleAttribute("data-cut", "cut" in part.dataset);
    this.of.keepPlace(() => this.of.insert(part, true));
    this.trimEnd();
    return true;
  }

  async later() {
    const { next } = this;
    const part = this.hasMore && (await this.ask({ after: next }));
    if (!part || this.next !== next) return false;
    this.of.insert(part, false);
    this.detach("more" in part.dataset);
    this.trimStart();
    return true;
  }

  /** @param {string} [place] */
  async go(place) {
    const part = await this.ask(place ? { around: place } : {});
    if (!part) return false;
    for (const one of this.parts) one.remove();
    this.of.toggleAttribute("data-cut", "cut" in part.dataset);
    this.of.insert(part, false);
    this.detach("more" in part.dataset);
    if (!this.hasMore) this.of.tellPosition();
    return true;
  }

  trimStart() {
    const most = this.of.follows ? MOST : 2 * MOST;
    for (let left = this.of.all.length; this.parts.length > 1; ) {
      left -= this.parts[0].querySelectorAll(".line").length;
      if (left < most) return;
      this.of.dataset.cut = "";
      this.of.keepPlace(() => this.parts[0].remove());
    }
  }

  trimEnd() {
    for (let left = this.of.all.length; this.parts.length > 1; ) {
      const last = this.parts[this.parts.length - 1];
      left -= last.querySelectorAll(".line").length;
      if (left < 2 * MOST) return;
      last.remove();
      this.detach(true);
    }
  }
}
