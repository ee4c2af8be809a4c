// <time-axis>: gives the lanes the part of the run's time that they show, and writes its ticks.

import { pageClock } from "./clock.js";
import { moments, scaleOf } from "./moments.js";
import { firstAt, ticksOf } from "./ticks.js";
import { view } from "./view.js";
import { Zoom, endsOf } from "./zoom.js";

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
    view.addEventListener("change", () => this.soon());
    this.tick();
  }

  disconnectedCallback() {
    this.observer.disconnect();
  }

  tick() {
    const clock = pageClock();
    const { end, began } = document.getElementById("run-summary").dataset;
    if (clock) view.learn(clock.now, end ? Number(end) : null, Number(began));
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

  /** Once before the next paint. */
  soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.draw();
    });
  }

  /** Tell each lane what it shows. Not the tree: all that is in it would inherit that, and cost four times as much. */
  draw() {
    const { start, end } = view.shown;
    this.write(start, end, this.clientWidth);
    const shown = { "--view-start": start, "--view-end": end, "--length": view.length };
    for (const lane of this.tree.querySelectorAll(".lane")) set(lane, { ...shown, ...this.lines });
    set(this.tree.querySelector("run-map"), shown);
  }

  /** The ticks, when they are others. @param {number} start @param {number} end @param {number} width */
  write(start, end, width) {
    const key = `${start}/${end}/${width}/${moments.way}`;
    if (!width || key === this.written) return;
    this.written = key;
    const scale = scaleOf(pageClock()?.origin ?? 0);
    const { step, ticks } = ticksOf({ start, end }, width, (words) => this.pen.measureText(words).width, scale);
    this.lines = { "--tick": step, "--tick-at": firstAt(start, step, scale) - start };
    this.replaceChildren(...ticks.map(tickOf));
  }

  /** The moment of the run at this place; where the lanes end, it ends. @param {number} x of the window */
  at(x) {
    const { left, width } = this.getBoundingClientRect();
    const { start, end } = view.shown;
    return start + (Math.min(Math.max(x - left, 0), width) / width) * (end - start);
  }
}

/** @param {{at: number, words: string}} tick */
function tickOf({ at, words }) {
  const tick = document.createElement("span");
  tick.style.setProperty("--from", String(at));
  tick.textContent = words;
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
