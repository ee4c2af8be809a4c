// <abort-dialog>: aborts of many actions and from elsewhere than a row, which has <abort-popover>. It shows what would stop, and asks.

import { announce } from "../page/announcer.js";
import { rowOf, titleOf } from "../tree/rows.js";
import { showAbort } from "./abort-popover.js";
import { AskingDialog } from "./asking-dialog.js";

/** The form field for each attribute of a button. */
const FIELDS = { abort: "action", abortPhase: "phase", abortGroup: "group", abortBeside: "beside" };

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
    if (field === "action" && button.closest("#rows > .row")) document.querySelector("abort-popover").pressed(button, event);
    else {
      const { under } = button.dataset; // whose children a group's are
      this.open({ [field]: button.dataset[attribute], ...(under && { under }) }); // action (empty: the run), names, phase, group or beside
    }
  }

  /** @override @param {Record<string, string>} fields */
  async open(fields) {
    if ("readsOnly" in document.body.dataset) return announce("Only operators of this project may abort");
    return super.open(fields);
  }

  waitsFor = "Counting what would stop…";
  leaves = "Keep running";

  /** @override @param {Record<string, string>} fields */
  titleFor({ action, names, phase, group, under, beside }) {
    if (names) return `Abort what is selected (${names.split(" ").length})?`;
    if (phase) return `Abort everything that is ${phase.replaceAll("-", " ")}?`;
    if (group) return `Abort the group ${group}${under ? ` under ${under}` : ""}?`;
    if (beside) return `Abort everything beside ${named(beside)}?`;
    return action ? `Abort ${named(action)}?` : "Abort the run?";
  }

  /** @override @param {import("../page/requests.js").Answer} answer */
  done(answer) {
    showAbort(answer, this.dataset.url, answer.body.querySelector("[data-target]")?.dataset.target ?? "");
    this.dispatchEvent(new CustomEvent("abort-asked", { bubbles: true }));
  }
}

/** What the page knows of an action. @param {string} name */
function named(name) {
  const row = rowOf(name);
  return row ? titleOf(row) : name;
}
