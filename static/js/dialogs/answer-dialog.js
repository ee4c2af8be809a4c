// Answering a condition: its form, [data-signal], in the panel and in <answer-dialog>, which a row's Answer opens, or the Answer
// of the page of all that waits.

import { announce } from "../page/announcer.js";
import { offerRetry } from "../page/error-box.js";
import { get, post } from "../page/requests.js";
import { rowOf, titleOf } from "../tree/rows.js";
import { waitingFor } from "./asking-dialog.js";

export class AnswerDialog extends HTMLElement {
  connectedCallback() {
    this.dialog = this.querySelector("dialog");
    this.name = "";
    this.run = ""; // the path of its run
    // What the button says of it, where it has no row here.
    this.what = "";
    this.asked = "";
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
    if (!button || this.dialog.open || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault(); // a link where it is not on the page of its run
    const { answer, run = this.dataset.run, title = "", asked = "" } = button.dataset;
    Object.assign(this, { name: answer, run, what: title, asked });
    return this.open();
  }

  /** At once, with what the row says; the form follows. */
  async open() {
    const { name } = this;
    if (!this.dialog.open) {
      const row = rowOf(name);
      const asked = row?.querySelector(".status > span")?.textContent.trim() ?? this.asked;
      this.dialog.replaceChildren(waitingFor(this.dialog, row ? titleOf(row) : this.what || name, asked || "Loading…", "Not now"));
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
    return get(`${this.run}/actions/${this.name}/signal${this.dataset.run ? "" : "?within=waiting"}`);
  }

  /** When the row has no Answer any more, somebody answered, or it was aborted. Our own answer closes the dialog instead. */
  checkRow() {
    if (!this.dialog.open || this.querySelector("[aria-busy]")) return;
    if (this.isAnswered()) this.refresh();
  }

  /** Whether its row, or its line of the page of all that waits, offers no answer any more. */
  isAnswered() {
    if (!this.dataset.run) return !document.querySelector(`#waiting [data-answer="${this.name}"][data-run="${this.run}"]`);
    const row = rowOf(this.name);
    return Boolean(row) && !row.querySelector("[data-answer]");
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
    const row = rowOf(this.name);
    if (row) document.querySelector("run-tree").focusRow(row);
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
