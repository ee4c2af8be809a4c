// A dialog whose form comes from the server: it says what would happen, and asks. Aborts and deletions are asked so. It opens at
// once, and says what it is about and that it waits.

import { offerRetry } from "../page/error-box.js";
import { DONE, get, post, showAnswer } from "../page/requests.js";

/** What a dialog shows until the server has answered. @param {HTMLDialogElement} dialog @param {string} title @param {string} text @param {string} close */
export function waitingFor(dialog, title, text, close) {
  const box = Object.assign(document.createElement("div"), { className: "waiting", ariaBusy: "true" });
  box.innerHTML = `<h2></h2><p class="muted"></p><div class="dialog-buttons"><button type="button" class="button" data-close></button></div>`;
  box.querySelector("h2").id = dialog.getAttribute("aria-labelledby");
  for (const [selector, words] of Object.entries({ h2: title, p: text, button: close })) box.querySelector(selector).textContent = words;
  return box;
}

export class AskingDialog extends HTMLElement {
  connectedCallback() {
    this.dialog = this.querySelector("dialog");
    this.body = this.dialog.querySelector("div");
    document.addEventListener("submit", (event) => this.submitted(event));
    this.addEventListener("click", (event) => {
      if (event.target === this.dialog || event.target.closest("[data-close]")) this.dialog.close();
    });
    this.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.metaKey || event.ctrlKey)) return;
      this.isSure = Boolean(this.querySelector(".waiting")); // then the form is sent as soon as it is there
      this.querySelector("[type=submit]:enabled")?.click();
    });
  }

  /** Show what would happen, and ask. @param {Record<string, string>} fields what is meant */
  async open(fields) {
    if (this.dialog.open) return;
    this.body.replaceChildren(waitingFor(this.dialog, this.titleFor(fields), this.waitsFor, this.leaves));
    this.isSure = false;
    this.dialog.showModal();
    this.querySelector("[data-close]").focus();
    return this.ask(fields);
  }

  /** What it says of these fields before the server has answered. @param {Record<string, string>} fields */
  titleFor({ names = "" }) {
    return names.includes(" ") ? `Delete ${names.split(" ").length} runs?` : `Delete the run ${names}?`;
  }

  waitsFor = "Counting what would be deleted…";
  leaves = "Keep it";

  /** @param {Record<string, string>} fields */
  async ask(fields) {
    this.asked = fields;
    const answer = await get(`${this.dataset.url}?${new URLSearchParams(fields)}`);
    if (!this.dialog.open || this.asked !== fields) return; // it was closed meanwhile
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
    if (this.isSure) this.querySelector("[type=submit]:enabled")?.click();
    this.isSure = false;
  }
}
