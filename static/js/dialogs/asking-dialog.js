// A dialog whose form comes from the server: it says what would happen, and asks. Aborts and deletions are asked so.

import { offerRetry } from "../page/error-box.js";
import { DONE, get, post, showAnswer } from "../page/requests.js";

export class AskingDialog extends HTMLElement {
  connectedCallback() {
    this.dialog = this.querySelector("dialog");
    this.body = this.dialog.querySelector("div");
    document.addEventListener("submit", (event) => this.submitted(event));
    this.addEventListener("click", (event) => {
      if (event.target === this.dialog || event.target.closest("[data-close]")) this.dialog.close();
    });
    this.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) this.querySelector("[type=submit]:enabled")?.click();
    });
  }

  /** Show what would happen, and ask. @param {Record<string, string>} fields what is meant */
  async open(fields) {
    if (this.dialog.open || this.isOpening) return;
    return this.ask(fields);
  }

  /** @param {Record<string, string>} fields */
  async ask(fields) {
    const wasOpen = this.dialog.open;
    this.isOpening = true;
    const answer = await get(`${this.dataset.url}?${new URLSearchParams(fields)}`);
    this.isOpening = false;
    if (wasOpen && !this.dialog.open) return; // it was closed meanwhile
    if (!wasOpen) this.dialog.showModal();
    this.show(answer, () => this.ask(fields));
  }

  /** The form of the dialog. @param {SubmitEvent} event */
  submitted(event) {
    const form = /** @type {HTMLFormElement} */ (event.target);
    if (!this.contains(form)) return;
    event.preventDefault();
    /** @type {HTMLButtonElement} */ (form.querySelector("[type=submit]")).disabled = true;
    this.send(form.getAttribute("action"), new FormData(form));
  }

  /** @param {string} url @param {FormData} fields */
  async send(url, fields) {
    const answer = await post(url, fields);
    if (!DONE.includes(answer.outcome)) return this.show(answer, () => this.send(url, fields));
    this.dialog.close();
    this.done(answer);
  }

  /** It was done. @param {import("../page/requests.js").Answer} answer */
  done(answer) {
    showAnswer(answer);
  }

  /** @param {import("../page/requests.js").Answer} answer @param {() => void} retry if it is an error */
  show(answer, retry) {
    this.body.replaceChildren(answer.body);
    offerRetry(this.dialog, retry);
    if (this.dialog.open) (this.querySelector("[data-retry]") ?? this.querySelector("[data-close]"))?.focus();
  }
}
