// Zooming and panning: the wheel over the lanes, a drag on the axis, keys, and buttons with data-zoom change the view.

import { announce } from "../page/announcer.js";
import { rowOf } from "../tree/rows.js";
import { formatTick } from "./ticks.js";
import { view } from "./view.js";

const PER_STEP = 0.5; // how much of what is shown is left
const PER_WHEEL_PX = 0.0025;
const PER_PINCH_PX = 0.01;
const PINCH_PX = 50; // a wheel turns by more
const DRAG_PX = 4;

export class Zoom {
  /** @param {import("./time-axis.js").TimeAxis} axis */
  constructor(axis) {
    this.axis = axis;
    this.tree = axis.tree;
    this.tree.addEventListener("wheel", (event) => this.wheeled(event), { passive: false, capture: true });
    this.tree.addEventListener("click", (event) => this.clicked(event));
    axis.addEventListener("pointerdown", (event) => this.grabbed(event));
    axis.addEventListener("pointermove", (event) => this.dragged(event));
    axis.addEventListener("pointerup", (event) => this.dropped(event));
    axis.addEventListener("pointercancel", () => this.drop());
  }

  get cursor() {
    return this.tree.querySelector("time-cursor");
  }

  /** The time around which a step zooms: that of the pointer, or of the selected row, or the middle. */
  get anchor() {
    const { start, end } = view.shown;
    if (this.cursor.at !== null) return this.cursor.at;
    const bar = rowOf(this.tree.selected)?.querySelector(".lane > :last-child"); // what it did last
    if (!bar) return (start + end) / 2;
    const [from, to] = endsOf(bar).map((at) => Number(at || view.now));
    const [low, high] = [Math.max(from, start), Math.min(to, end)];
    return low <= high ? (low + high) / 2 : (from + to) / 2;
  }

  /** Closer, or farther away. @param {1 | -1} steps */
  step(steps) {
    if (!this.axis.clientWidth) return; // there is no room for lanes
    view.zoom(PER_STEP ** steps, this.anchor);
    this.announceView();
  }

  reset() {
    view.reset();
    this.announceView();
  }

  toggleQueue() {
    if (!this.axis.clientWidth) return;
    view.toggleQueue();
    announce(view.hidesQueue ? "The axis begins when the first action started" : "The axis begins with the run");
  }

  announceView() {
    announce(view.isWhole ? "The whole run is shown" : `Shown: ${formatView(view.shown)}`);
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const which = event.target.closest("[data-zoom]")?.dataset.zoom;
    if (which === "0") {
      this.tree.querySelector(".brush").focus({ preventScroll: true }); // the button goes
      this.reset();
    } else if (which) this.step(which === "+" ? 1 : -1);
  }

  /** With Ctrl or ⌘ it zooms where the pointer is, with shift it pans; else it scrolls. @param {WheelEvent} event */
  wheeled(event) {
    if (!(event.ctrlKey || event.metaKey || event.shiftKey) || !event.target.closest(".lane")) return;
    event.preventDefault();
    event.stopPropagation(); // this does not scroll, so following goes on
    const pixels = event.deltaY || event.deltaX;
    const { start, end } = view.shown;
    const rate = Math.abs(pixels) < PINCH_PX ? PER_PINCH_PX : PER_WHEEL_PX;
    if (event.shiftKey) view.pan((pixels / this.axis.clientWidth) * (end - start));
    else view.zoom(Math.exp(pixels * rate), this.axis.at(event.clientX));
  }

  /** @param {PointerEvent} event */
  grabbed(event) {
    if (event.button !== 0) return;
    event.preventDefault(); // it would select text
    this.axis.setPointerCapture(event.pointerId);
    this.from = event.clientX;
  }

  /** @param {PointerEvent} event */
  dragged(event) {
    if (this.from !== undefined) this.cursor.mark(this.from, event.clientX);
  }

  /** Show what was marked. @param {PointerEvent} event */
  dropped(event) {
    const { from } = this;
    this.drop();
    if (from === undefined || Math.abs(event.clientX - from) < DRAG_PX) return;
    const [start, end] = [from, event.clientX].map((x) => this.axis.at(x)).sort((a, b) => a - b);
    view.show(start, end);
    this.announceView();
  }

  drop() {
    this.from = undefined;
    this.cursor.unmark();
  }
}

/** @param {{start: number, end: number}} shown */
export function formatView({ start, end }) {
  return [start, end].map((at) => formatTick(Math.round(at), (end - start) / 100)).join(" to ");
}

/** Of a bar, in milliseconds since the run began; "" while it grows. @param {HTMLElement} bar */
export function endsOf(bar) {
  return bar.dataset.at.split("-");
}
