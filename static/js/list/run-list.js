// <run-list>: the list of runs. Its filter applies as one types; checked runs can be aborted or deleted together.

import { announce } from "../page/announcer.js";
import { isWord, pressChips, setSpan, showCounts } from "./chips.js";
import { send } from "../page/socket.js";
import { Picks } from "./picks.js";

const WAIT_MS = 250;

export class RunList extends HTMLElement {
  connectedCallback() {
    this.list = this.querySelector("#runs");
    this.form = /** @type {HTMLFormElement} */ (document.getElementById("run-filters"));
    this.bar = this.querySelector(".bulk");
    this.picks = new Picks(this.list, this.bar);
    this.list.hello = () => ({ kind: "hello", since: -1, query: queryOf(this.form) });
    this.list.afterFrame = (/** @type {import("../../../types/page.d.ts").Frame} */ frame) => {
      if (frame.counts) showCounts(this.form, frame.counts);
      this.settle();
    };
    this.form.addEventListener("input", () => this.applyLater());
    this.form.addEventListener("click", (event) => setSpan(this.form, event) && this.apply());
    this.form.addEventListener("keydown", (event) => event.key === " " && setSpan(this.form, event) && this.apply());
    this.form.addEventListener("submit", (event) => this.submitted(event));
    this.list.addEventListener("click", () => this.settle());
    this.bar.addEventListener("click", (event) => this.pressed(event));
    this.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
    for (const done of ["abort-asked", "runs-deleted"]) document.addEventListener(done, () => this.clear());
    this.settle();
  }

  applyLater() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.apply(), WAIT_MS);
  }

  /** @param {SubmitEvent} event */
  submitted(event) {
    event.preventDefault();
    clearTimeout(this.timer);
    this.apply();
  }

  /** Ask for the runs that match; over HTTP when the socket is not open, as on later pages. */
  apply() {
    pressChips(this.form);
    const query = queryOf(this.form);
    const url = query ? `?${query}` : location.pathname;
    if (!send(this.list, { kind: "list", query })) return location.assign(url);
    history.replaceState(null, "", url);
    this.isAsked = true;
  }

  /** @param {MouseEvent} event */
  pressed(event) {
    const compare = event.target.closest("[data-compare-picked]");
    if (compare) location.assign(`${compare.dataset.comparePicked}?${this.pickedQuery}`);
    if (event.target.closest("[data-abort-picked]")) {
      document.querySelector("abort-dialog").open({ names: [...this.picks.names].join(" ") });
    }
    if (event.target.closest("[data-delete-picked]")) {
      document.querySelector("delete-dialog").open({ names: [...this.picks.names].join(" ") });
    }
  }

  clear() {
    this.picks.clear();
    this.settle();
  }

  /** The picked runs in the order of the list. */
  get pickedQuery() {
    const names = this.picks.boxes.filter((box) => box.checked).map((box) => ["name", box.value]);
    return new URLSearchParams(names).toString();
  }

  /** After runs came, went or ended: only runs in the list stay picked. */
  settle() {
    this.picks.settle();
    /** @type {HTMLButtonElement} */ (this.bar.querySelector("[data-compare-picked]")).disabled = this.picks.names.size !== 2;
    if (this.isAsked) this.announceCount();
  }

  announceCount() {
    this.isAsked = false;
    announce(this.list.querySelector(".total")?.textContent.trim() ?? "No run matches");
  }
}

/** The query of the form, without what is empty or default. @param {HTMLFormElement} form */
export function queryOf(form) {
  const fields = /** @type {[string, string][]} */ ([...new FormData(form)]);
  const days = fields.some(([name, value]) => (name === "since" || name === "until") && isWord(value));
  const set = fields.filter(([name, value]) => value.trim() && !(name === "sort" && value === "newest") && (name !== "tz" || days));
  return new URLSearchParams(set).toString();
}
