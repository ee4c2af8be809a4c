// Answering a condition: its form, [data-signal], in the panel and in <answer-dialog>, which a row's Answer opens.

import { announce } from "../page/announcer.js";
import { offerRetry } from "../page/error-box.js";
import { get, post } from "../page/requests.js";
import { rowOf, titleOf } from "../tree/rows.js";
import { waitingFor } from "./asking-dialog.js";

export class AnswerDialog extends HTMLElement {
  connectedCallback() {
    this.dialog = this.querySelector("dialog");
    this.name = "";
    document.addEventListener("click", (event) => this.clicked(event));
    this.addEventListener("click", (event) => {
      if (event.target === this.dialog || event.target.closest("[data-close], [data-abort]")) this.dialog.close();
    });
    this.addEventListener("keydown", (event) => {
      // The Enter that opened the dialog may still be held down; it must not press Approve.
      if (event.key === "Enter" && event.repeat) event.preventDefault();
    });
    this.addEventListener("condition-answered", () => {
      announce("Answered");
      this.dialog.close();
    });
    this.addEventListener("condition-refused", () => this.refresh());
    document.addEventListener("htmx:ws:after:message:incoming", () => this.checkRow());
    this.dialog.addEventListener("close", () => this.closed());
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const button = event.target.closest("[data-answer]");
    if (!button || this.dialog.open) return;
    this.name = button.dataset.answer;
    return this.open();
  }

  /** At once, with what the row says; the form follows. */
  async open() {
    const { name } = this;
    if (!this.dialog.open) {
      const row = rowOf(name);
      const asked = row?.querySelector(".status > span")?.textContent.trim() ?? "";
      this.dialog.replaceChildren(waitingFor(this.dialog, row ? titleOf(row) : name, asked || "Loading…", "Not now"));
      this.dialog.showModal();
      this.focusFirst();
    }
    const answer = await this.ask();
    if (!this.dialog.open || this.name !== name) return; // it was closed meanwhile
    this.show(answer);
    offerRetry(this.dialog, () => this.open());
    this.focusFirst();
  }

  ask() {
    return get(`${this.dataset.run}/actions/${this.name}/signal`);
  }

  /** When the row has no Answer any more, somebody answered, or it was aborted. Our own answer closes the dialog instead. */
  checkRow() {
    if (!this.dialog.open || this.querySelector("[aria-busy]")) return;
    const row = rowOf(this.name);
    if (row && !row.querySelector("[data-answer]")) this.refresh();
  }

  /** Show what became of the condition. While it waits, what was typed and what was wrong with it stay. */
  async refresh() {
    if (!this.querySelector("form")) return;
    const { name } = this;
    const answer = await this.ask();
    const isLate = !this.dialog.open || this.name !== name || this.querySelector("[aria-busy]");
    if (isLate || !answer.ok || answer.body.querySelector("form")) return;
    this.show(answer);
    this.focusFirst();
  }

  /** @param {import("../page/requests.js").Answer} answer */
  show(answer) {
    this.dialog.replaceChildren(answer.body);
  }

  focusFirst() {
    (this.querySelector("[data-first], [data-retry]") ?? this.querySelector("[data-close]"))?.focus();
  }

  /** The button that opened it may be gone, its row is not. */
  closed() {
    this.dialog.replaceChildren();
    document.querySelector("run-tree").focusRow(rowOf(this.name));
  }
}

// What is wrong with an answer is shown in the form.
document.addEventListener("submit", async (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (!form.matches("[data-signal]")) return;
  event.preventDefault();
  const fields = new FormData(form, event.submitter);
  const buttons = form.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  form.ariaBusy = "true";
  const answer = await post(form.getAttribute("action"), fields);
  for (const button of buttons) button.disabled = false;
  form.ariaBusy = null;
  const input = form.querySelector("input[data-first]");
  input?.setAttribute("aria-invalid", String(!answer.ok));
  if (!answer.ok) input?.focus();
  form.querySelector(".form-error").innerHTML = answer.ok ? "" : answer.html;
  form.dispatchEvent(new CustomEvent(answer.ok ? "condition-answered" : "condition-refused", { bubbles: true }));
});
