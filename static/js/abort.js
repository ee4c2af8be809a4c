// <abort-dialog>: one dialog for all that can be aborted on the page, and the ways around it.

import { say } from "./announce.js";
import { DONE, get, post, tell } from "./ask.js";
import { offerRetry } from "./failed.js";

/** What each attribute of a button means to the server. */
const MEANS = { abort: "action", abortPhase: "phase", abortGroup: "group", abortBeside: "beside" };
const SETTLED_MS = 500;

export class AbortDialog extends HTMLElement {
  connectedCallback() {
    this.dialog = this.querySelector("dialog");
    this.body = this.querySelector("#abort-body");
    document.addEventListener("click", (event) => this.clicked(event));
    document.addEventListener("submit", (event) => this.submitted(event));
    this.addEventListener("click", (event) => {
      if (event.target === this.dialog || event.target.closest("[data-close]")) this.dialog.close();
    });
    this.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) this.querySelector("[type=submit]:enabled")?.click();
    });
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    /** @type {HTMLButtonElement} */
    const button = event.target.closest("[data-abort], [data-abort-phase], [data-abort-group], [data-abort-beside]");
    if (!button || button.disabled) return;
    const [attribute, field] = Object.entries(MEANS).find(([name]) => name in button.dataset);
    const fields = { [field]: button.dataset[attribute] };
    const row = button.closest("#rows > .row");
    if (field === "action" && row && mayAbortAtOnce(row)) this.abortAtOnce(button, fields);
    else this.open(fields);
  }

  /** Show what would stop, and ask. @param {Record<string, string>} fields what is meant: action (empty: the run), names, phase, group or beside */
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

  /** A row without children: nothing else would stop. @param {HTMLButtonElement} button @param {Record<string, string>} fields */
  async abortAtOnce(button, fields) {
    button.disabled = true;
    const answer = await post(this.dataset.url, fields);
    if (DONE.includes(answer.outcome)) say("Abort asked");
    else {
      button.disabled = answer.outcome === "already_requested";
      tell(answer);
    }
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
    tell(answer);
    this.dispatchEvent(new CustomEvent("abort-asked", { bubbles: true }));
  }

  /** @param {import("./ask.js").Answer} answer @param {() => void} retry if it is an error */
  show(answer, retry) {
    this.body.replaceChildren(answer.body);
    offerRetry(this.dialog, retry);
    if (this.dialog.open) (this.querySelector("[data-retry]") ?? this.querySelector("[data-close]"))?.focus();
  }
}

/** A row that has just moved may not be the one that was meant. @param {HTMLElement} row */
function mayAbortAtOnce(row) {
  return !row.ariaExpanded && performance.now() - (row.closest("run-tree").movedAt ?? 0) > SETTLED_MS;
}
