// <run-filter>: the text and the chips that say which actions the tree shows. The server filters; the address remembers.

import { remember } from "./address.js";
import { say } from "./announce.js";
import { send } from "./live.js";

const TYPING_MS = 250;

export class RunFilter extends HTMLElement {
  connectedCallback() {
    /** @type {HTMLInputElement} */
    this.input = this.querySelector("input[type=search]");
    this.looks = new Set([...this.chips].filter((chip) => chip.ariaPressed === "true").map((chip) => chip.value));
    this.text = this.input.value.trim();
    this.started = this.startedChip.ariaPressed === "true";
    this.addEventListener("submit", (event) => this.submitted(event));
    this.input.addEventListener("input", () => this.typed());
    this.input.addEventListener("keydown", (event) => this.pressed(event));
    document.addEventListener("click", (event) => this.clicked(event));
  }

  /** @returns {NodeListOf<HTMLButtonElement>} */
  get chips() {
    return this.querySelectorAll("button.look");
  }

  get startedChip() {
    return this.querySelector("button[name=started]");
  }

  /** As the server knows it. */
  get shape() {
    return { text: this.text, looks: [...this.looks], started: this.started };
  }

  /** A chip, or Enter in the text. @param {SubmitEvent} event */
  submitted(event) {
    event.preventDefault();
    const { name, value: look } = /** @type {HTMLButtonElement | null} */ (event.submitter) ?? { name: "", value: "" };
    if (name === "started") this.toggleStarted();
    else if (look) this.toggle([look]);
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
    } else this.tree.focusRow(this.tree.rows.find((row) => row.tabIndex === 0));
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    if (!event.target.closest("[data-clear]") || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.input.value = "";
    this.looks.clear();
    this.started = false;
    this.apply();
    this.focus();
  }

  /** Press or release chips together. @param {string[]} looks */
  toggle(looks) {
    const on = looks.some((look) => !this.looks.has(look));
    for (const look of looks) {
      if (on) this.looks.add(look);
      else this.looks.delete(look);
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
    const failed = [...this.chips].map((chip) => chip.value).filter((look) => look === "failed" || look === "timed-out");
    if (failed.length) this.toggle(failed);
    else say("No action has failed");
  }

  apply() {
    clearTimeout(this.timer);
    this.text = this.input.value.trim();
    this.settle();
    remember({ q: this.text, look: [...this.looks], started: this.started ? "1" : "" });
    // What matches begins at its top; when everything comes back, the row under the eye stays.
    const around = this.text || this.looks.size || this.started ? "" : this.tree.anchor.name;
    if (!around) this.tree.loaded.begin();
    this.tree.foot.reshape();
    send(this.tree, { kind: "filter", ...this.shape, around }); // without a socket, the next hello says it
  }

  focus() {
    this.input.select();
  }

  /** Chips may have come with a frame. */
  settle() {
    this.startedChip.setAttribute("aria-pressed", String(this.started));
    for (const chip of this.chips) chip.setAttribute("aria-pressed", String(this.looks.has(chip.value)));
  }

  /** @returns {import("./tree.js").RunTree} */
  get tree() {
    return document.querySelector("run-tree");
  }
}
