// <time-axis>: draws the ticks of the view, and gives each lane the view and each bar its ends, as custom properties.

import { pageClock } from "./live-clock.js";
import { firstAt, ticksOf } from "./ticks.js";
import { scaleOf, timeFormat } from "./timestamps.js";
import { view } from "./view.js";
import { endsOf, Zoom } from "./zoom.js";

export class TimeAxis extends HTMLElement {
  connectedCallback() {
    this.tree = this.closest("run-tree");
    this.zooming = new Zoom(this);
    this.pen = document.createElement("canvas").getContext("2d");
    const { fontWeight, fontSize, fontFamily } = getComputedStyle(this);
    this.pen.font = `${fontWeight} ${fontSize} ${fontFamily}`;
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this);
    document.addEventListener("tick", () => this.tick());
    view.addEventListener("change", () => this.schedule());
    this.tick();
  }

  disconnectedCallback() {
    this.observer.disconnect();
  }

  tick() {
    const clock = pageClock();
    const { end, began } = document.getElementById("run-summary").dataset;
    if (clock) view.update(clock.now, end ? Number(end) : null, Number(began));
    this.place();
    this.draw();
  }

  /** Give each bar its ends; what runs ends now. */
  place() {
    for (const bar of this.tree.querySelectorAll("[data-at]")) {
      const [from, to] = endsOf(bar);
      set(bar, { "--from": Number(from), "--to": to ? Number(to) : view.now });
    }
  }

  /** Draw once before the next paint. */
  schedule() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.draw();
    });
  }

  /** Set the view on each lane. Set on the tree, all its elements would inherit it, and drawing cost four times as much. */
  draw() {
    const { start, end } = view.shown;
    this.write(start, end, this.clientWidth);
    const shown = { "--view-start": start, "--view-end": end, "--length": view.length };
    for (const lane of this.tree.querySelectorAll(".lane")) set(lane, { ...shown, ...this.lines });
    set(this.tree.querySelector("run-minimap"), shown);
  }

  /** Write the ticks when they have changed. @param {number} start @param {number} end @param {number} width */
  write(start, end, width) {
    const key = `${start}/${end}/${width}/${timeFormat.current}`;
    if (!width || key === this.written) return;
    this.written = key;
    const scale = scaleOf(pageClock()?.origin ?? 0);
    const { step, ticks } = ticksOf({ start, end }, width, (label) => this.pen.measureText(label).width, scale);
    this.lines = { "--tick": step, "--tick-at": firstAt(start, step, scale) - start };
    this.replaceChildren(...ticks.map(tickOf));
  }

  /** The time of the run at a place, within the lanes. @param {number} x of the window */
  at(x) {
    const { left, width } = this.getBoundingClientRect();
    const { start, end } = view.shown;
    return start + (Math.min(Math.max(x - left, 0), width) / width) * (end - start);
  }
}

/** @param {{at: number, label: string}} tick */
function tickOf({ at, label }) {
  const tick = document.createElement("span");
  tick.style.setProperty("--from", String(at));
  tick.textContent = label;
  return tick;
}

/** Set custom properties, those that changed. @param {HTMLElement} element @param {Record<string, number>} values */
function set(element, values) {
  element.kept ??= {};
  for (const name in values) {
    if (element.kept[name] === values[name]) continue;
    element.kept[name] = values[name];
    element.style.setProperty(name, String(values[name]));
  }
}
