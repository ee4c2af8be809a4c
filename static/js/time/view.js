// The view: which part of the run's time the lanes show. It knows no element; what draws it listens for "change".

import { niceStep } from "./ticks.js";

const MIN_VIEW_MS = 5;
const MIN_RUN_MS = 2000;
const STEPS = 6;

class View extends EventTarget {
  constructor() {
    super();
    this.now = 0; // of the run: how long it has lasted, or lasted in the end
    this.length = MIN_RUN_MS; // of the axis, which has room for what comes
    this.began = 0; // when the first action started
    this.hidesQueue = false;
    /** @type {{start: number, end: number} | null} */
    this.chosen = null; // null: everything, which grows
  }

  /** As the run goes on. @param {number} now @param {number | null} end @param {number} began */
  update(now, end, began) {
    this.now = end ?? now;
    this.began = began;
    if (end === null) {
      const least = Math.max(now * 1.02, MIN_RUN_MS);
      // While the run lasts the axis grows by whole parts of a step, so that ended bars stand still between.
      const part = niceStep(Math.max(now, MIN_RUN_MS), STEPS) / 2;
      this.length = Math.ceil(least / part) * part;
    } else this.length = Math.max(end, 1);
    if (this.chosen && this.chosen.end > this.length) this.show(this.chosen.start, this.chosen.end); // the run ended in it
  }

  /** What is shown while the reader has chosen nothing. */
  get all() {
    return { start: this.hidesQueue ? Math.min(this.began, this.length - 1) : 0, end: this.length };
  }

  get shown() {
    return this.chosen ?? this.all;
  }

  get isWhole() {
    return !this.chosen && !this.hidesQueue;
  }

  /** Show from here to there, as far as there is a run. @param {number} start @param {number} end */
  show(start, end) {
    const span = Math.min(Math.max(end - start, MIN_VIEW_MS), this.length);
    const from = Math.min(Math.max(start, 0), this.length - span);
    const { all } = this;
    this.chosen = from <= all.start && from + span >= all.end ? null : { start: from, end: from + span };
    this.changed();
  }

  /** Show `times` as much; the time `at` stays where it is, or comes to the middle when it was not shown.
   * @param {number} times @param {number} at */
  zoom(times, at) {
    const { start, end } = this.shown;
    const span = Math.max((end - start) * times, MIN_VIEW_MS);
    const part = at >= start && at <= end ? (at - start) / (end - start) : 0.5;
    this.show(at - part * span, at + (1 - part) * span);
  }

  /** Show the same length from another moment on. @param {number} ms later, when positive */
  pan(ms) {
    const { start, end } = this.shown;
    this.show(start + Math.min(Math.max(ms, -start), this.length - end), end + Math.min(Math.max(ms, -start), this.length - end));
  }

  reset() {
    this.chosen = null;
    this.hidesQueue = false;
    this.changed();
  }

  /** Begin where the first action started, or again where the run did. */
  toggleQueue() {
    this.chosen = null;
    this.hidesQueue = !this.hidesQueue;
    this.changed();
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }
}

export const view = new View();
