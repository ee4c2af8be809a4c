// <connection-status>: whether what the page shows is current. The pill shows it at once, a banner after five seconds.

import { pageClock, write } from "../time/live-clock.js";
import { formatShortTimeOfDay } from "../time/timestamps.js";
import { announce } from "./announcer.js";

const LABELS = {
  connecting: "Connecting",
  live: "Live",
  ended: "Ended",
  reconnecting: "Reconnecting",
  paused: "Paused",
  lost: "Disconnected",
  "signed-out": "Signed out",
  forbidden: "No access",
};
/** @typedef {keyof typeof LABELS} State */

const CURRENT = ["live", "ended", "connecting"];
const BANNER_AFTER_MS = 5000;
/** States that waiting does not mend, so that their banner comes at once: what it says first. @type {Record<string, string>} */
const FINAL = { "signed-out": "Signed out", forbidden: "You may not see this any more" };

export class ConnectionStatus extends HTMLElement {
  connectedCallback() {
    this.timer = 0;
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
  }

  /** @param {State} state @param {string} [more] @param {number} [currentAt] what the page shows was true then, by Date.now() */
  show(state, more = "", currentAt = Date.now()) {
    this.dataset.state = state;
    write(this, LABELS[state] + more);
    if (CURRENT.includes(state)) this.resume();
    else this.stop(state, currentAt);
  }

  /** Mark the page as out of date, and stop its clock. A paused page is hidden, so it gets no banner.
   * @param {string} state @param {number} currentAt */
  stop(state, currentAt) {
    document.body.classList.add("stale");
    pageClock()?.freeze(true, currentAt);
    if (state in FINAL) return this.conclude(state, currentAt);
    if (this.timer || this.banner || state === "paused") return;
    const left = Math.max(0, currentAt + BANNER_AFTER_MS - Date.now());
    this.timer = window.setTimeout(() => this.open("Updates stopped", currentAt, this.retryButton()), left);
  }

  resume() {
    clearTimeout(this.timer);
    this.timer = 0;
    document.body.classList.remove("stale");
    pageClock()?.freeze(false);
    if (!this.banner) return;
    if (this.banner.contains(document.activeElement)) document.getElementById("main").focus();
    this.banner.remove();
    this.banner = undefined;
    announce("Up to date");
  }

  /** Say that nothing comes any more, and where to go. @param {string} state @param {number} currentAt */
  conclude(state, currentAt) {
    clearTimeout(this.timer);
    this.banner?.remove();
    const link = document.createElement("a");
    link.className = "button small";
    const here = location.pathname + location.search;
    link.href = state === "signed-out" ? `/sign-in/?next=${encodeURIComponent(here)}` : "/";
    link.textContent = state === "signed-out" ? "Sign in" : "All runs";
    this.open(FINAL[state], currentAt, link);
  }

  retryButton() {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button small";
    button.textContent = "Retry";
    button.addEventListener("click", () => this.dispatchEvent(new CustomEvent("connection-retry", { bubbles: true })));
    return button;
  }

  /** @param {string} what happened @param {number} currentAt @param {HTMLElement} control what can be done about it */
  open(what, currentAt, control) {
    this.timer = 0;
    this.banner = document.createElement("div");
    this.banner.className = "connection-banner";
    this.banner.setAttribute("role", "status");
    const text = document.createElement("span");
    text.textContent = `${what}. Shown as of ${formatShortTimeOfDay(currentAt)}`;
    this.banner.append(text, control);
    document.querySelector("header.bar").after(this.banner);
  }
}
