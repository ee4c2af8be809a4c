// <abort-dialog>: one dialog for every Abort button of the page. The row changes only when the server says so.

import { toast } from "./announce.js";

export class AbortDialog extends HTMLElement {
  connectedCallback() {
    this.dialog = this.querySelector("dialog");
    this.body = this.querySelector("#abort-body");
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-abort]");
      if (button && !button.disabled) this.open(button.dataset.abort);
    });
    this.addEventListener("click", (event) => {
      if (event.target === this.dialog || event.target.closest("[data-close]")) this.dialog.close();
    });
    this.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) this.querySelector("form")?.requestSubmit();
    });
    this.addEventListener("htmx:after:swap", () => this.answered());
  }

  /** Show what would stop, and ask. @param {string} action its name, or empty for the whole run */
  async open(action) {
    if (this.dialog.open) return;
    const url = `${this.dataset.url}?action=${encodeURIComponent(action)}`;
    await window.htmx.ajax("GET", url, { source: "#abort-body", target: "#abort-body", swap: "innerHTML" });
    this.dialog.showModal();
    this.querySelector("[data-close]")?.focus();
  }

  /** When the abort is asked for, the page itself shows what comes of it; else the dialog says why not. */
  answered() {
    const answer = this.querySelector(".abort-answer");
    if (answer?.dataset.outcome === "requested") {
      this.dialog.close();
      toast(answer.querySelector("p").innerHTML);
    } else if (answer) {
      answer.querySelector("[data-close]").focus();
    }
  }
}
