// <time-cursor>: a line that follows the pointer over the lanes, with the time that it points at. One element, moved by transform.

import { pageClock, write } from "./live-clock.js";
import { formatTick } from "./ticks.js";
import { formatTimeOfDay, timeFormat } from "./timestamps.js";
import { view } from "./view.js";

export class TimeCursor extends HTMLElement {
  connectedCallback() {
    this.tree = this.closest("run-tree");
    this.axis = this.tree.querySelector("time-axis");
    this.x = null; // of the pointer, while it is over the lanes
    this.marked = null; // where a drag on the axis began
    this.tree.addEventListener("pointermove", (event) => this.moved(event), { passive: true });
    this.tree.addEventListener("pointerleave", () => this.leave());
    this.tree.addEventListener("scroll", () => this.schedule(), { passive: true, capture: true });
    for (const source of [view, timeFormat]) source.addEventListener("change", () => this.schedule());
  }

  /** The time under the pointer, null when it is elsewhere. */
  get at() {
    return this.x === null ? null : this.axis.at(this.x);
  }

  /** @param {PointerEvent} event */
  moved(event) {
    const isOver = event.pointerType !== "touch" && event.target.closest(".lane, .spacer");
    if (this.marked === null && (!isOver || !this.isOverLanes(event.clientX))) this.leave();
    else {
      this.x = event.clientX;
      this.schedule();
    }
  }

  /** @param {number} x */
  isOverLanes(x) {
    const { left, right } = this.axis.getBoundingClientRect();
    return x >= left && x <= right;
  }

  leave() {
    if (this.x === null) return;
    this.x = null;
    this.schedule();
  }

  /** A drag on the axis marks what is between these two places. @param {number} from @param {number} x */
  mark(from, x) {
    this.marked = from;
    this.x = x;
    this.schedule();
  }

  unmark() {
    this.marked = null;
    this.schedule();
  }

  schedule() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.draw();
    });
  }

  draw() {
    this.toggleAttribute("data-on", this.x !== null);
    this.toggleAttribute("data-marks", this.marked !== null);
    if (this.x === null) return;
    const lanes = this.axis.getBoundingClientRect();
    const begin = this.tree.getBoundingClientRect().left;
    const within = (x) => Math.min(Math.max(x, lanes.left), lanes.right) - begin;
    const [x, from] = [within(this.x), within(this.marked ?? this.x)];
    this.style.setProperty("--x", `${x}px`);
    this.style.setProperty("--mark", `${Math.abs(x - from)}px`);
    this.style.setProperty("--mark-x", `${Math.min(x, from)}px`);
    this.toggleAttribute("data-flip", x - (lanes.left - begin) > lanes.width / 2);
    this.label(this.at, this.marked === null ? null : this.axis.at(this.marked));
  }

  /** @param {number} at @param {number | null} other where the mark began */
  label(at, other) {
    const { start, end } = view.shown;
    const fine = (end - start) / this.axis.clientWidth; // what a pixel stands for
    const moment = (pageClock()?.origin ?? 0) + Math.round(at);
    const ends = other === null ? [at] : [at, other].sort((a, b) => a - b);
    const length = other === null ? "" : ` · ${formatTick(Math.round(ends[1] - ends[0]), fine)}`;
    const texts = {
      relative: ends.map((one) => formatTick(Math.round(one), fine)).join(" – ") + length,
      local: formatTimeOfDay(moment, false),
      utc: `${formatTimeOfDay(moment, true)} UTC`,
    };
    if (texts.utc.startsWith(texts.local)) texts.local = "";
    const { [timeFormat.current]: first, ...others } = texts;
    const shown = [first, ...Object.values(others)].filter(Boolean);
    this.querySelectorAll("b, span, small").forEach((place, n) => write(place, shown[n] ?? ""));
  }
}
