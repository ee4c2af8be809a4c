// <split-pane>: the border of a pane, dragged or moved with the arrow keys. A cookie keeps the width, and the server draws it
// (runs/views/pane_widths.py).

import { deleteCookie, setCookie } from "./persistence.js";

const STEP_PX = 24;

/** aria-controls: the pane, after this or around it; data-kept: the name of its width, of a cookie and of a custom property;
 * data-least: pixels; data-most: a part of the element within which both lie, `.panes` or `.tree`. */
export class SplitPane extends HTMLElement {
  connectedCallback() {
    this.pane = document.getElementById(this.getAttribute("aria-controls"));
    this.outside = this.closest(".tree, .panes");
    this.addEventListener("pointerdown", (event) => this.drag(event));
    this.addEventListener("keydown", (event) => this.press(event));
    this.addEventListener("dblclick", () => this.reset());
    this.observer = new ResizeObserver(() => this.updateAria());
    this.observer.observe(this.pane);
    this.observer.observe(this.outside);
  }

  disconnectedCallback() {
    this.observer.disconnect();
  }

  get width() {
    return Math.round(this.pane.getBoundingClientRect().width);
  }

  get least() {
    return Number(this.dataset.least);
  }

  get most() {
    return Math.max(this.least, Math.round(this.outside.clientWidth * Number(this.dataset.most)));
  }

  /** How wide the pane gets when this moves to the right by so much. @param {number} px @param {number} [width] */
  widthAfter(px, width = this.width) {
    return this.pane.contains(this) ? width + px : width - px;
  }

  /** @param {number} width @param {boolean} [isKept] */
  set(width, isKept = true) {
    const px = Math.min(Math.max(Math.round(width), this.least), this.most);
    document.documentElement.style.setProperty(`--${this.dataset.kept}-px`, `${px}px`);
    if (isKept) setCookie(this.dataset.kept, px);
  }

  reset() {
    // "initial" overrides the server's style sheet, which the next page does not have.
    document.documentElement.style.setProperty(`--${this.dataset.kept}-px`, "initial");
    deleteCookie(this.dataset.kept);
  }

  updateAria() {
    this.ariaValueMin = String(this.least);
    this.ariaValueMax = String(this.most);
    this.ariaValueNow = String(this.width);
  }

  /** @param {PointerEvent} event */
  drag(event) {
    if (event.button !== 0) return;
    const [from, width] = [event.clientX, this.width];
    const move = (/** @type {PointerEvent} */ at) => this.set(this.widthAfter(at.clientX - from, width), false);
    this.setPointerCapture(event.pointerId);
    this.addEventListener("pointermove", move);
    this.addEventListener("lostpointercapture", () => {
      this.removeEventListener("pointermove", move);
      if (this.width !== width) this.set(this.width);
    }, { once: true });
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const next = { ArrowLeft: this.widthAfter(-STEP_PX), ArrowRight: this.widthAfter(STEP_PX), Home: this.least, End: this.most }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    this.set(next);
  }
}
