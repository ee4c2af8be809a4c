// <launch-form>: marks what differs from the values that the form came with, takes it back, and sends the form once. Without it the form works, too.

import { Uploads } from "./uploads.js";

/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Control */

export class LaunchForm extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.submit = /** @type {HTMLButtonElement} */ (this.querySelector("[type=submit]"));
    this.verb = this.submit.textContent;
    this.total = this.querySelector("[data-changes]");
    /** @type {HTMLElement[]} */
    this.fields = [...this.querySelectorAll("[data-original]")];
    for (const field of this.fields) mark(field);
    this.addEventListener("input", (event) => this.changed(event.target.closest("[data-original]")));
    this.addEventListener("click", (event) => event.target.closest("[data-undo]") && this.undo(event.target.closest("[data-original]")));
    this.form.addEventListener("keydown", (event) => this.pressed(event));
    this.form.addEventListener("submit", (event) => this.sent(event));
    this.uploads = new Uploads(this, (field) => this.changed(field), () => this.uploaded());
    window.addEventListener("pageshow", () => this.wait(false)); // back from the new run
    this.count();
    /** @type {HTMLElement | null} */ (this.querySelector("[aria-invalid]") ?? this.querySelector("[data-value]"))?.focus();
  }

  /** @param {HTMLElement | null} field */
  changed(field) {
    if (!field) return;
    mark(field);
    this.count();
  }

  count() {
    const changed = this.fields.filter((field) => "changed" in field.dataset).length;
    this.total.textContent = changed ? `${changed} changed` : "Nothing changed";
  }

  /** @param {HTMLElement} field */
  undo(field) {
    const { value, variant } = controlsOf(field);
    value.value = field.dataset.original;
    if (variant) variant.value = Math.max(0, Number(field.dataset.variant)).toString();
    this.changed(field);
    value.focus();
  }

  /** Enter in an area makes a line; with Ctrl it sends the form. @param {KeyboardEvent} event */
  pressed(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.form.requestSubmit(this.submit);
  }

  /** @param {SubmitEvent} event */
  sent(event) {
    if (this.submit.ariaDisabled === "true") event.preventDefault();
    else if (this.uploads.isBusy) {
      event.preventDefault();
      this.wait(true, "Waiting for the upload…");
    } else this.wait(true);
  }

  /** Nothing is on its way any more: what was to be sent after it is sent. */
  uploaded() {
    if (this.submit.ariaDisabled !== "true") return;
    this.wait(false);
    if (!this.uploads.failed) this.form.requestSubmit(this.submit);
  }

  /** @param {boolean} isSent @param {string} [words] */
  wait(isSent, words = "Starting…") {
    this.submit.ariaDisabled = String(isSent);
    this.submit.textContent = isSent ? words : this.verb;
  }
}

/** @param {HTMLElement} field */
function controlsOf(field) {
  const value = /** @type {Control} */ (field.querySelector("[data-value]"));
  const variant = /** @type {HTMLSelectElement | null} */ (field.querySelector("select:not([data-value])"));
  return { value, variant };
}

/** Whether it differs, and a button that takes that back. @param {HTMLElement} field */
function mark(field) {
  const { value, variant } = controlsOf(field);
  const isNone = variant && variant.value === field.dataset.none;
  const isOther = value.value !== field.dataset.original.replaceAll("\r\n", "\n") && !isNone;
  const isOtherVariant = variant !== null && field.dataset.variant !== "-1" && variant.value !== field.dataset.variant;
  const isChanged = isOther || isOtherVariant;
  field.toggleAttribute("data-changed", isChanged);
  const undo = field.querySelector("[data-undo]");
  if (isChanged && !undo) field.querySelector("label").after(undoButton(field));
  else if (!isChanged) undo?.remove();
}

/** @param {HTMLElement} field */
function undoButton(field) {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "launch-undo", textContent: "Undo" });
  button.dataset.undo = "";
  button.ariaLabel = `Undo the change of ${field.querySelector("label").firstChild.textContent.trim()}`;
  return button;
}
