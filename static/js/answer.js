// <answer-dialog>: what a condition asks, over the tree, when its row's Answer is pressed. The form is that of the panel (signal.js).

import { say } from "./announce.js";
import { get } from "./ask.js";
import { offerRetry } from "./failed.js";

export class AnswerDialog extends HTMLElement {
  connectedCallback() {
    this.dialog = this.querySelector("dialog");
    this.name = "";
    document.addEventListener("click", (event) => this.clicked(event));
    this.addEventListener("click", (event) => {
      if (event.target === this.dialog || event.target.closest("[data-close]")) this.dialog.close();
    });
    this.addEventListener("keydown", (event) => {
      // The Enter that opened the dialog may still be held down; it must not press Yes.
      if (event.key === "Enter" && event.repeat) event.preventDefault();
    });
    this.addEventListener("condition-answered", () => {
      say("Answered");
      this.dialog.close();
    });
    this.addEventListener("condition-refused", () => this.look());
    document.addEventListener("htmx:ws:after:message:incoming", () => this.lookAtRow());
    this.dialog.addEventListener("close", () => this.closed());
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const button = event.target.closest("[data-answer]");
    if (!button || this.dialog.open || this.isOpening) return;
    this.name = button.dataset.answer;
    return this.open();
  }

  async open() {
    const wasOpen = this.dialog.open;
    this.isOpening = true;
    const answer = await this.ask();
    this.isOpening = false;
    if (wasOpen && !this.dialog.open) return; // it was closed meanwhile
    this.show(answer);
    if (!wasOpen) this.dialog.showModal();
    offerRetry(this.dialog, () => this.open());
    this.focusFirst();
  }

  ask() {
    return get(`${this.dataset.run}/actions/${this.name}/signal`);
  }

  /** The row says that nobody has to answer any more: somebody did, or it was aborted. Our own answer closes the dialog instead. */
  lookAtRow() {
    if (!this.dialog.open || this.querySelector("[aria-busy]")) return;
    const row = document.querySelector("run-tree").row(this.name);
    if (row && !row.querySelector("[data-answer]")) this.look();
  }

  /** Show what became of the question. While it waits, what was typed and what was wrong with it stay. */
  async look() {
    if (!this.querySelector("form")) return;
    const { name } = this;
    const answer = await this.ask();
    const isLate = !this.dialog.open || this.name !== name || this.querySelector("[aria-busy]");
    if (isLate || !answer.ok || answer.body.querySelector("form")) return;
    this.show(answer);
    this.focusFirst();
  }

  /** @param {import("./ask.js").Answer} answer */
  show(answer) {
    this.dialog.replaceChildren(answer.body);
  }

  focusFirst() {
    (this.querySelector("[data-first], [data-retry]") ?? this.querySelector("[data-close]"))?.focus();
  }

  /** The button that opened it may be gone, its row is not. */
  closed() {
    this.dialog.replaceChildren();
    const tree = document.querySelector("run-tree");
    tree.focusRow(tree.row(this.name) ?? undefined);
  }
}
