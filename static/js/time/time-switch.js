// <time-switch> chooses how all pages show timestamps; <relative-time> is one that is compared with now.

import { announce } from "../page/announcer.js";
import { pageClock, timestampOf, write } from "./live-clock.js";
import { formatRelative, timeFormat } from "./timestamps.js";

export class RelativeTime extends HTMLElement {
  connectedCallback() {
    this.showTime(pageClock()?.time ?? Date.now());
  }

  /** @param {number} now */
  showTime(now) {
    write(this, formatRelative(timestampOf(this), now));
  }
}

const NAMES = { relative: "Relative", local: "Local", utc: "UTC" };

/** A button that changes to the next format, and names the current one. */
export class TimeSwitch extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", () => this.next());
    timeFormat.addEventListener("change", () => this.show());
    this.show();
  }

  next() {
    timeFormat.next();
    announce(`Times: ${NAMES[timeFormat.current]}`);
  }

  show() {
    write(this.querySelector("span"), NAMES[timeFormat.current]);
    this.querySelector("button").setAttribute("aria-label", `Times: ${NAMES[timeFormat.current]}`);
  }
}
