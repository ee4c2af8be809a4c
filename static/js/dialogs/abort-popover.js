// <abort-popover>: a row's Abort asks beside the row, at once, from what the page knows; how much is below follows. With Shift
// it does not ask. What a row cannot say for sure by itself (below) always asks.

import { announce } from "../page/announcer.js";
import { DONE, get, post, showAnswer } from "../page/requests.js";
import { toast } from "../page/toasts.js";
import { isRoot, nameOf, rowOf, titleOf } from "../tree/rows.js";
import { offerReason } from "./add-reason.js";

const EDGE_PX = 8; // between the box and the border of the window
const GAP_PX = 4; // between the box and its button
const STILL_MS = 500;
const HINT = "Shift+click aborts without asking";

export class AbortPopover extends HTMLElement {
  connectedCallback() {
    this.box = this.querySelector("[popover]");
    this.form = this.box.querySelector("form");
    this.below = this.box.querySelector(".below");
    /** @type {HTMLInputElement} */
    this.reason = this.box.querySelector("[name=reason]");
    /** @type {HTMLButtonElement} */
    this.submit = this.box.querySelector("[type=submit]");
    this.name = ""; // of the action for which it asks
    this.form.addEventListener("submit", (event) => this.submitted(event));
    this.addEventListener("click", (event) => event.target.closest("[data-close]") && this.box.hidePopover());
    this.addEventListener("keydown", (event) => this.pressedKey(event));
    document.addEventListener("mouseover", (event) => hint(event.target, true));
    document.addEventListener("mouseout", (event) => hint(event.target, false));
    document.addEventListener("htmx:ws:after:message:incoming", () => this.isOpen && this.settle());
    document.addEventListener("scroll", () => this.isOpen && this.place(), { capture: true, passive: true });
    window.addEventListener("resize", () => this.isOpen && this.place());
  }

  get isOpen() {
    return this.box.matches(":popover-open");
  }

  /** The row for which it is open, if it is in the page. */
  get row() {
    return this.isOpen ? rowOf(this.name) : null;
  }

  /** A row's Abort was pressed. @param {HTMLButtonElement} button @param {MouseEvent} event */
  pressed(button, event) {
    const row = button.closest("#rows > .row");
    const isTouch = /** @type {PointerEvent} */ (event).pointerType === "touch";
    if (event.shiftKey && !isTouch && !mustAsk(button) && isSure(row, event)) this.abortAtOnce(button);
    else this.open(row);
  }

  /** The keys of the page mean nothing here; and the Enter that opened the box may still be held down. @param {KeyboardEvent} event */
  pressedKey(event) {
    event.stopPropagation();
    if (event.key === "Enter" && event.repeat) event.preventDefault();
  }

  /** Ask for this row. @param {HTMLElement} row */
  open(row) {
    if ("readsOnly" in document.body.dataset) return announce("Only operators of this project may abort");
    if (this.isOpen) this.box.hidePopover();
    this.name = nameOf(row);
    this.form.reset();
    this.form.querySelector(".form-error").textContent = "";
    const whole = isRoot(row);
    this.form.querySelector("[data-title]").textContent = whole ? `the run ${this.dataset.run}` : titleOf(row);
    this.submit.textContent = whole ? "Abort run" : "Abort";
    this.submit.disabled = false;
    this.below.textContent = "";
    this.box.showPopover();
    if (row.ariaExpanded || document.querySelector("run-filter").isOn) this.count(); // a filter may hide children
    this.settle();
    this.reason.focus({ preventScroll: true });
  }

  /** Say how much would stop with it. */
  async count() {
    const { name } = this;
    this.below.textContent = "Counting what is below…";
    const answer = await get(`${this.dataset.url}?${new URLSearchParams({ action: name })}`);
    if (!this.isOpen || this.name !== name || this.submit.disabled) return;
    const counts = answer.body.querySelector(".stops");
    this.below.replaceChildren(counts ?? "What is below is aborted, too; it could not be counted.");
    this.place();
  }

  /** After a frame: the row may be elsewhere, and its action may have ended, or somebody else may have aborted it. */
  settle() {
    const { row } = this;
    if (row && !this.isSending && !row.querySelector("[data-abort]:enabled, [data-answer]")) {
      this.below.textContent = `${row.querySelector(".status").textContent}. Nothing is left to abort.`;
      this.submit.disabled = true;
    }
    this.place();
  }

  /** Below its button, or above where there is more room; always within the window. */
  place() {
    const at = (this.row?.querySelector(".act > .stop") ?? this.row?.querySelector(".act") ?? this.row)?.getBoundingClientRect();
    if (!at) return;
    const { offsetHeight: height, offsetWidth: width, style } = this.box;
    const most = { left: innerWidth - width - EDGE_PX, top: innerHeight - height - EDGE_PX };
    const top = at.bottom + GAP_PX > most.top ? at.top - height - GAP_PX : at.bottom + GAP_PX;
    style.left = `${Math.max(EDGE_PX, Math.min(at.right - width, most.left))}px`;
    style.top = `${Math.max(EDGE_PX, Math.min(top, most.top))}px`;
  }

  /** @param {SubmitEvent} event */
  async submitted(event) {
    event.preventDefault();
    if (this.isSending || this.submit.disabled) return;
    const { name } = this;
    this.isSending = this.submit.disabled = true;
    const answer = await post(this.dataset.url, { action: name, reason: this.reason.value });
    this.isSending = false;
    const isHere = this.isOpen && this.name === name;
    if (isHere && !answer.outcome) return this.failed(answer);
    if (isHere) this.box.hidePopover();
    showAbort(answer, this.dataset.url, name);
  }

  /** It is not known whether it was done: what was typed stays, and Abort asks again. @param {import("../page/requests.js").Answer} answer */
  failed(answer) {
    this.form.querySelector(".form-error").innerHTML = answer.html;
    this.submit.disabled = false;
    this.place();
    this.reason.focus();
  }

  /** @param {HTMLButtonElement} button */
  async abortAtOnce(button) {
    button.disabled = true;
    const name = button.dataset.abort;
    const answer = await post(this.dataset.url, { action: name });
    if (!DONE.includes(answer.outcome)) button.disabled = answer.outcome === "already_requested";
    showAbort(answer, this.dataset.url, name);
  }
}

/** What became of it, as a toast; where no reason was given, one can be added.
 * @param {import("../page/requests.js").Answer} answer @param {string} url @param {string} name of the action, "": the run */
export function showAbort(answer, url, name) {
  if (answer.outcome !== "requested") return showAnswer(answer);
  const target = answer.body.querySelector("[data-target]");
  const row = rowOf(name);
  if (target && row) target.textContent = titleOf(row);
  const box = toast(answer.body.querySelector("p").innerHTML);
  if (answer.body.querySelector("[data-without-reason]")) offerReason(box, url, name);
  const again = answer.body.querySelector("a[data-rerun]");
  if (again) offerRerun(box, again.getAttribute("href"));
}

/** @param {HTMLElement} box the toast @param {string} url of the form */
function offerRerun(box, url) {
  const offer = document.createElement("span");
  offer.dataset.rerun = "";
  offer.append(" · ", Object.assign(document.createElement("a"), { href: url, textContent: "run again" }));
  box.firstElementChild.append(offer);
}

/** A condition, whose Abort is rare, and a button that is only an icon: Shift does not help there.
 * @param {HTMLElement} button */
function mustAsk(button) {
  const isIcon = getComputedStyle(button).getPropertyValue("--is-icon") === "1";
  return isIcon || button.closest(".row").dataset.phase === "paused";
}

/** A click on a row that has just moved, or that slid under a pointer that rests, may have been meant for another.
 * @param {HTMLElement} row @param {MouseEvent} event */
function isSure(row, event) {
  const tree = row.closest("run-tree");
  const isByKey = event.detail === 0;
  return performance.now() - (tree.movedAt ?? -STILL_MS) >= STILL_MS && (isByKey || tree.held.isMeant(row));
}

/** The title of a row's Abort, only under the pointer: a row's HTML is short. @param {EventTarget} target @param {boolean} isOver */
function hint(target, isOver) {
  const button = target.closest?.("#rows > .row > .act > [data-abort]");
  if (!button) return;
  if (isOver && !mustAsk(button)) button.title = HINT;
  else button.removeAttribute("title");
}
