// <run-filter>: the text and the status chips that filter the tree, and its order. The server filters and sorts; the address
// keeps both.

import { announce } from "../page/announcer.js";
import { setQuery } from "../page/persistence.js";

const TYPING_MS = 250;
const MAX_INPUTS = 40; // to sort by

export class RunFilter extends HTMLElement {
  connectedCallback() {
    /** @type {HTMLInputElement} */
    this.input = this.querySelector("input[type=search]");
    this.statuses = new Set([...this.chips].filter((chip) => chip.ariaPressed === "true").map((chip) => chip.value));
    this.text = this.input.value.trim();
    this.started = this.startedChip.ariaPressed === "true";
    this.sorting.addEventListener("change", () => this.sorted());
    this.addEventListener("submit", (event) => this.submitted(event));
    this.input.addEventListener("input", () => this.typed());
    this.input.addEventListener("keydown", (event) => this.pressed(event));
    document.addEventListener("click", (event) => this.clicked(event));
  }

  /** @returns {NodeListOf<HTMLButtonElement>} */
  get chips() {
    return this.querySelectorAll("button.status-chip");
  }

  get startedChip() {
    return this.querySelector("button[name=started]");
  }

  /** @returns {HTMLSelectElement} */
  get sorting() {
    return this.querySelector("select[name=sort]");
  }

  /** As the server takes it. */
  get shape() {
    return { text: this.text, looks: [...this.statuses], started: this.started, sort: this.sorting.value };
  }

  /** As the form of an abort takes it: what is not set is left out. @returns {Record<string, string>} */
  get wanted() {
    const { text: q, statuses, started } = this;
    return { ...(q && { q }), ...(statuses.size && { look: [...statuses].join(" ") }), ...(started && { started: "1" }) };
  }

  /** The order of siblings was chosen: what is first now is what the reader wants to see. */
  sorted() {
    setQuery({ sort: this.sorting.value });
    announce(`Sorted: ${this.sorting.selectedOptions[0].label}`);
    this.tree.filter(this.shape, true);
  }

  /** After a frame: what siblings differ by can be chosen, and stays so. @param {string[]} names of inputs */
  offerInputs(names) {
    const { options } = this.sorting;
    for (const name of names) {
      if (options.length > 2 * MAX_INPUTS || [...options].some(({ value }) => value === `input:${name}`)) continue;
      options.add(new Option(`${name}, ascending`, `input:${name}`));
      options.add(new Option(`${name}, descending`, `-input:${name}`));
    }
  }

  /** A chip, or Enter in the text. @param {SubmitEvent} event */
  submitted(event) {
    event.preventDefault();
    const { name, value: status } = /** @type {HTMLButtonElement | null} */ (event.submitter) ?? { name: "", value: "" };
    if (name === "started") this.toggleStarted();
    else if (status) this.toggle([status]);
    else this.apply();
  }

  typed() {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.apply(), TYPING_MS);
  }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    if (event.key !== "Escape") return;
    event.preventDefault();
    if (this.input.value) {
      this.input.value = "";
      this.apply();
    } else this.tree.focusTabStop();
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    const chip = event.target.closest("[data-filter]");
    if (!chip && !event.target.closest("[data-clear]")) return;
    event.preventDefault();
    this.input.value = chip?.dataset.filter ?? "";
    if (chip) return this.apply();
    this.statuses.clear();
    this.started = false;
    this.apply();
    this.focus();
  }

  /** Whether it hides anything. */
  get isOn() {
    return Boolean(this.text || this.statuses.size || this.started);
  }

  /** Press or release chips together. @param {string[]} statuses */
  toggle(statuses) {
    const on = statuses.some((status) => !this.statuses.has(status));
    for (const status of statuses) {
      if (on) this.statuses.add(status);
      else this.statuses.delete(status);
    }
    this.apply();
  }

  /** Hide what has not started, or show it again. */
  toggleStarted() {
    this.started = !this.started;
    this.apply();
  }

  /** Show only what failed, or everything again. */
  toggleFailed() {
    const failed = [...this.chips].map((chip) => chip.value).filter((status) => status === "failed" || status === "timed-out");
    if (failed.length) this.toggle(failed);
    else announce("No action has failed");
  }

  apply() {
    clearTimeout(this.timer);
    this.text = this.input.value.trim();
    this.settle();
    setQuery({ q: this.text, look: [...this.statuses], started: this.started ? "1" : "" });
    this.tree.filter(this.shape, this.isOn);
  }

  focus() {
    this.input.select();
  }

  /** Chips may have come with a frame. */
  settle() {
    this.startedChip.setAttribute("aria-pressed", String(this.started));
    for (const chip of this.chips) chip.setAttribute("aria-pressed", String(this.statuses.has(chip.value)));
  }

  /** @returns {import("./run-tree.js").RunTree} */
  get tree() {
    return document.querySelector("run-tree");
  }
}
