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
    const button = event.target.closest("[data-abort], [data-abort-phase], [data-abort-group], [data-abort-beside], [data-abort-matching]");
    if (!button || button.disabled) return;
    const filters = /** @type {import("../tree/run-filter.js").RunFilter | null} */ (document.querySelector("run-filter"));
    const { abortMatching, abortPhase } = button.dataset;
    if (abortMatching !== undefined) return this.open(filters.wanted);
    // Who filters by a text and then aborts all that run means those that are in sight.
    if (abortPhase && filters?.text) return this.open({ ...filters.wanted, look: abortPhase });
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

  /** The name of the run of the page: the address of its abort has it last but one. */
  get run() {
    return this.dataset.url.split("/").at(-2);
  }

  waitsFor = "Counting what would stop…";
  leaves = "Keep running";

  /** @override @param {Record<string, string>} fields */
  titleFor({ action, names, phase, group, under, beside, q, look, started }) {
    if (q || look || started) return `Abort everything that matches ${filterWords(q, look, started)}?`;
    const count = names?.split(" ").length ?? 0;
    if (count && "runs" in this.dataset) return count === 1 ? `Abort the run ${names}?` : `Abort ${count} runs?`;
    if (count) return `Abort ${count} selected ${count === 1 ? "action" : "actions"}?`;
    if (phase) return `Abort everything that is ${phase.replaceAll("-", " ")}?`;
    if (group) return `Abort the group ${group}${under ? ` under ${under}` : ""}?`;
    if (beside) return `Abort everything beside ${named(beside)}?`;
    return `Abort ${action ? named(action) : `the run ${this.run}`}?`;
  }

  /** @override @param {import("../page/requests.js").Answer} answer */
  done(answer) {
    showAbort(answer, this.dataset.url, answer.body.querySelector("[data-target]")?.dataset.target ?? "");
    this.dispatchEvent(new CustomEvent("abort-asked", { bubbles: true }));
  }
}

/** As the server says a filter. @param {string} [q] @param {string} [look] @param {string} [started] */
function filterWords(q, look, started) {
  const looks = look?.split(" ").map((one) => one.replaceAll("-", " ")) ?? [];
  return [q && `“${q}”`, ...looks, started && "started"].filter(Boolean).join(" · ");
}

/** What the page knows of an action. @param {string} name */
function named(name) {
  const row = rowOf(name);
  return row ? titleOf(row) : name;
}
