// <run-minimap>: the whole run in one picture over the tree. The server draws it, again after frames; the brush on it shows
// and changes the view.

import { write } from "./live-clock.js";
import { formatTick } from "./ticks.js";
import { view } from "./view.js";
import { formatView } from "./zoom.js";

const GAP_MS = 2000; // between two drawings
const LONGER = 1.1;
const DRAG_PX = 4;
const PER_KEY = 0.1; // of what is shown
const KEYS = {
  ArrowLeft: (span) => view.pan(-span * PER_KEY),
  ArrowRight: (span) => view.pan(span * PER_KEY),
  PageUp: (span) => view.pan(-span),
  PageDown: (span) => view.pan(span),
  Home: () => view.pan(-view.length),
  End: () => view.pan(view.length),
  "+": () => view.zoom(0.5, middle()),
  "=": () => view.zoom(0.5, middle()),
  "-": () => view.zoom(2, middle()),
  0: () => view.reset(),
};

export class RunMinimap extends HTMLElement {
  connectedCallback() {
    this.area = this.querySelector(".minimap-area");
    this.brush = this.querySelector(".brush");
    this.loadedAt = -GAP_MS;
    for (const type of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) {
      this.brush.parentElement.addEventListener(type, (event) => this[type](event));
    }
    this.brush.addEventListener("keydown", (event) => this.pressed(event));
    document.addEventListener("htmx:ws:after:message:incoming", () => this.schedule());
    document.addEventListener("tick", () => this.ticked());
    view.addEventListener("change", () => this.updateBrush());
    this.updateBrush();
    this.schedule();
  }

  /** Load the picture when the last one is old enough; that of an ended run stays. */
  schedule() {
    if (this.area.querySelector("[data-final]")) return;
    this.timer ??= window.setTimeout(() => this.load(), Math.max(0, this.loadedAt + GAP_MS - performance.now()));
  }

  async load() {
    this.loadedAt = performance.now();
    try {
      const answer = await fetch(this.dataset.url, { headers: { "HX-Request": "true" } });
      if (answer.ok) this.show(await answer.text());
    } catch {
      // The connection is lost: the next frame asks again.
    } finally {
      this.timer = undefined;
    }
  }

  /** @param {string} html */
  show(html) {
    this.area.innerHTML = html;
    const { covers, peak } = /** @type {HTMLElement} */ (this.area.firstElementChild).dataset;
    this.covers = Number(covers);
    this.style.setProperty("--covers", covers);
    write(this.querySelector(".peak"), `${peak} at once`);
  }

  /** A run in which nothing changes sends no frames: load the picture again when it has become too short. */
  ticked() {
    this.updateBrush();
    if (view.now > this.covers * LONGER) this.schedule();
  }

  /** What a screen reader reads of the brush. */
  updateBrush() {
    const { start } = view.shown;
    const set = (name, value) => this.brush.getAttribute(name) === String(value) || this.brush.setAttribute(name, value);
    this.toggleAttribute("data-zoomed", !view.isWhole);
    set("aria-valuemax", Math.round(view.length));
    set("aria-valuenow", Math.round(start));
    set("aria-valuetext", view.isWhole ? "The whole run" : `${formatView(view.shown)} of ${formatTick(Math.round(view.length), view.length / 100)}`);
  }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    const meaning = KEYS[event.key];
    if (!meaning || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    meaning(view.shown.end - view.shown.start);
  }

  /** The time of the run at a place. @param {number} x of the window */
  at(x) {
    const { left, width } = this.brush.parentElement.getBoundingClientRect();
    return (Math.min(Math.max(x - left, 0), width) / width) * view.length;
  }

  /** Grip an edge, or the brush, which comes to the pointer; or begin a new one where the whole run is shown. @param {PointerEvent} event */
  pointerdown(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.brush.focus({ preventScroll: true });
    this.brush.parentElement.setPointerCapture(event.pointerId);
    const { start, end } = view.shown;
    const at = this.at(event.clientX);
    const { edge } = /** @type {HTMLElement} */ (event.target).dataset;
    if (!edge && !view.isWhole && (at < start || at > end)) view.show(at - (end - start) / 2, at + (end - start) / 2);
    this.grip = { x: event.clientX, at, edge: edge ?? (view.isWhole ? "new" : ""), ...view.shown };
  }

  /** @param {PointerEvent} event */
  pointermove(event) {
    const { grip } = this;
    if (!grip || Math.abs(event.clientX - grip.x) < DRAG_PX) return;
    const at = this.at(event.clientX);
    if (grip.edge === "start") view.show(Math.min(at, grip.end), grip.end);
    else if (grip.edge === "end") view.show(grip.start, Math.max(at, grip.start));
    else if (grip.edge === "new") view.show(Math.min(at, grip.at), Math.max(at, grip.at));
    else view.show(grip.start + at - grip.at, grip.end + at - grip.at);
  }

  pointerup() {
    this.grip = null;
  }

  pointercancel() {
    this.grip = null;
  }
}

function middle() {
  return (view.shown.start + view.shown.end) / 2;
}
