// <connection-status>: whether what the page shows is true now. The pill says so at once; the banner, when it lasts.

import { say } from "./announce.js";
import { pageClock, write } from "./clock.js";
import { secondWords } from "./moments.js";

const WORDS = {
  connecting: "Connecting",
  live: "Live",
  ended: "Ended",
  reconnecting: "Reconnecting",
  paused: "Paused",
  lost: "Disconnected",
};
/** @typedef {keyof typeof WORDS} State */

const CURRENT = ["live", "ended", "connecting"];
const PATIENCE_MS = 5000;

export class ConnectionStatus extends HTMLElement {
  connectedCallback() {
    this.timer = 0;
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
  }

  /** @param {State} state @param {string} [more] @param {number} [heardAt] when the server was last heard, by Date.now() */
  show(state, more = "", heardAt = Date.now()) {
    this.dataset.state = state;
    write(this, WORDS[state] + more);
    if (CURRENT.includes(state)) this.resume();
    else this.stop(state, heardAt);
  }

  /** Nothing on the page is claimed to be so now. Nobody looks at a paused one. @param {string} state @param {number} heardAt */
  stop(state, heardAt) {
    document.body.classList.add("stale");
    pageClock()?.freeze(true, heardAt);
    if (this.timer || this.banner || state === "paused") return;
    const left = Math.max(0, heardAt + PATIENCE_MS - Date.now());
    this.timer = window.setTimeout(() => this.open(heardAt), left);
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
    say("Up to date");
  }

  /** @param {number} heardAt */
  open(heardAt) {
    this.timer = 0;
    this.banner = document.createElement("div");
    this.banner.className = "connection-banner";
    this.banner.setAttribute("role", "status");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button small";
    button.textContent = "Retry";
    button.addEventListener("click", () => this.dispatchEvent(new CustomEvent("connection-retry", { bubbles: true })));
    const words = document.createElement("span");
    words.textContent = `Updates stopped. Shown as of ${secondWords(heardAt)}`;
    this.banner.append(words, button);
    document.querySelector("header.bar").after(this.banner);
  }
}
