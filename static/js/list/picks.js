// Which rows of a list are picked, by their boxes: one, a range with Shift, all; and the toolbar of what is done with them.

import { announce } from "../page/announcer.js";

export class Picks {
  /** @param {HTMLElement} list @param {HTMLElement} bar @param {() => Iterable<string>} [elsewhere] what may be picked though it has no box here */
  constructor(list, bar, elsewhere = () => []) {
    this.list = list;
    this.bar = bar;
    this.elsewhere = elsewhere;
    /** @type {Set<string>} */
    this.names = new Set();
    this.anchor = "";
    list.addEventListener("click", (event) => this.clicked(event));
    bar.addEventListener("click", (event) => event.target.closest("[data-unpick]") && this.clear());
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    /** @type {HTMLInputElement | null} */
    const box = event.target.closest(".pick > input");
    if (!box) return;
    const { boxes } = this;
    const named = "pickAll" in box.dataset ? boxes : event.shiftKey ? between(boxes, this.anchor, box) : [box];
    this.pick(named.map(({ value }) => value), box.checked);
    this.anchor = "pickAll" in box.dataset ? this.anchor : box.value;
  }

  /** @param {Iterable<string>} names @param {boolean} on */
  pick(names, on) {
    for (const name of names) {
      if (on) this.names.add(name);
      else this.names.delete(name);
    }
    this.settle();
    announce(`${this.names.size} selected`);
  }

  clear() {
    this.names.clear();
    this.settle();
  }

  /** @returns {HTMLInputElement[]} those of the rows */
  get boxes() {
    /** @type {NodeListOf<HTMLInputElement>} */
    const found = this.list.querySelectorAll("tbody .pick > input");
    return [...found];
  }

  /** After rows came, went or ended: what cannot be picked any more is not. */
  settle() {
    const { boxes } = this;
    const known = new Set([...boxes.map(({ value }) => value), ...this.elsewhere()]);
    for (const name of this.names) if (!known.has(name)) this.names.delete(name);
    for (const box of boxes) box.checked = this.names.has(box.value);
    /** @type {HTMLInputElement | null} */
    const all = this.list.querySelector("[data-pick-all]");
    if (all) {
      all.disabled = boxes.length === 0;
      all.checked = boxes.length > 0 && boxes.every(({ checked }) => checked);
      all.indeterminate = this.names.size > 0 && !all.checked;
    }
    this.bar.hidden = this.names.size === 0;
    this.bar.querySelector("[data-count]").textContent = String(this.names.size);
  }
}

/** The boxes from the last one that was picked to this one. @param {HTMLInputElement[]} boxes @param {string} anchor @param {HTMLInputElement} box */
function between(boxes, anchor, box) {
  const to = boxes.indexOf(box);
  const from = boxes.findIndex((one) => one.value === anchor);
  return from < 0 ? [box] : boxes.slice(Math.min(from, to), Math.max(from, to) + 1);
}
