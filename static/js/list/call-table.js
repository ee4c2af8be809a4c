// <call-table>: the calls of a task side by side. Checked ones are aborted together, by the dialog of the run.

import { Picks } from "./picks.js";

const MOST = 500; // their names must fit into one URL

export class CallTable extends HTMLElement {
  connectedCallback() {
    this.calls = /** @type {HTMLElement} */ (this.querySelector("#calls"));
    this.picks = new Picks(this.calls, this.querySelector(".bulk"), () => this.matching);
    this.abort = this.querySelector("[data-abort-picked]"); // whoever only reads has none
    this.calls.afterFrame = () => this.settle();
    this.addEventListener("click", (event) => this.clicked(event));
    this.calls.addEventListener("click", () => this.settle());
    this.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
    document.addEventListener("abort-asked", () => this.picks.clear());
    this.settle();
  }

  /** Names of all that match, on any page, and can be aborted. */
  get matching() {
    return this.querySelector("[data-pick-matching]")?.dataset.pickMatching.split(" ") ?? [];
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    if (event.target.closest("[data-pick-matching]")) {
      this.picks.pick(this.matching, true);
      this.settle();
    }
    if (event.target.closest("[data-abort-picked]")) {
      document.querySelector("abort-dialog").open({ names: [...this.picks.names].slice(0, MOST).join(" ") });
    }
  }

  settle() {
    this.picks.settle();
    const { size } = this.picks.names;
    if (this.abort) this.abort.textContent = size === 1 ? "Abort 1 action…" : `Abort ${Math.min(size, MOST)} actions…`;
  }
}
