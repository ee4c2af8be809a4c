// <time-axis>: gives the lanes the part of the run's time that they show, and writes its ticks.

import { pageClock } from "./clock.js";
import { ticksOf } from "./ticks.js";
import { view } from "./view.js";
import { Zoom, endsOf } from "./zoom.js";

export class TimeAxis extends HTMLElement {
  connectedCallback() {
    this.tree = this.closest("run-tree");
    this.kept = {};
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

  /** Give each bar that came with a frame its ends. */
  place() {
    for (const bar of this.tree.querySelectorAll("[data-at]")) {
      if (bar.placed === bar.dataset.at) continue;
      bar.placed = bar.dataset.at;
      const [from, to] = endsOf(bar);
      bar.style.setProperty("--from", from);
      if (to) bar.style.setProperty("--to", to);
      else bar.style.removeProperty("--to");
    }
  }

  /** Once before the next paint. */
  soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.draw();
    });
  }

  draw() {
    const { start, end } = view.shown;
    const width = this.clientWidth;
    this.set("--now", view.now);
    this.set("--length", view.length);
    this.set("--view-start", start);
    this.set("--view-end", end);
    const key = `${start}/${end}/${width}`;
    if (!width || key === this.drawn) return;
    this.drawn = key;
    const { step, ticks } = ticksOf({ start, end }, width, (words) => this.pen.measureText(words).width);
    this.set("--tick", step);
    this.set("--tick-at", Math.ceil(start / step) * step - start);
    this.replaceChildren(...ticks.map(tickOf));
  }

  /** A property of the whole tree, when it changed. @param {string} name @param {number} value */
  set(name, value) {
    if (this.kept[name] === value) return;
    this.kept[name] = value;
    this.tree.style.setProperty(name, String(value));
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
