// <abort-dialog>: every abort of the page. It shows what would stop and asks, except for a row without children: that is
// aborted at once.

import { announce } from "../page/announcer.js";
import { DONE, post, showAnswer } from "../page/requests.js";
import { AskingDialog } from "./asking-dialog.js";

/** The form field for each attribute of a button. */
const FIELDS = { abort: "action", abortPhase: "phase", abortGroup: "group", abortBeside: "beside" };
const STILL_MS = 500;

export class AbortDialog extends AskingDialog {
  connectedCallback() {
    super.connectedCallback();
    document.addEventListener("click", (event) => this.clicked(event));
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    /** @type {HTMLButtonElement} */
    const button = event.target.closest("[data-abort], [data-abort-phase], [data-abort-group], [data-abort-beside]");
    if (!button || button.disabled) return;
    const [attribute, field] = Object.entries(FIELDS).find(([name]) => name in button.dataset);
    const fields = { [field]: button.dataset[attribute] };
    const row = button.closest("#rows > .row");
    if (field === "action" && row && mayAbortAtOnce(row)) this.abortAtOnce(button, fields);
    else this.open(fields); // action (empty: the run), names, phase, group or beside
  }

  /** @override @param {Record<string, string>} fields */
  async open(fields) {
    if ("readsOnly" in document.body.dataset) return announce("Only operators of this project may abort");
    return super.open(fields);
  }

  /** A row without children: nothing else would stop. @param {HTMLButtonElement} button @param {Record<string, string>} fields */
  async abortAtOnce(button, fields) {
    button.disabled = true;
    const answer = await post(this.dataset.url, fields);
    if (DONE.includes(answer.outcome)) announce("Abort asked");
    else {
      button.disabled = answer.outcome === "already_requested";
      showAnswer(answer);
    }
  }

  /** @override @param {import("../page/requests.js").Answer} answer */
  done(answer) {
    super.done(answer);
    this.dispatchEvent(new CustomEvent("abort-asked", { bubbles: true }));
  }
}

/** A click on a row that has just moved may have been meant for another. @param {HTMLElement} row */
function mayAbortAtOnce(row) {
  return !row.ariaExpanded && performance.now() - (row.closest("run-tree").movedAt ?? 0) > STILL_MS;
}
