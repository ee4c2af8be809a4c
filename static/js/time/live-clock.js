// <live-clock>: the page's only clock, set by the server's. Four times a second (once, for who asks for less motion) it rewrites what
// depends on the time, so that rows need no frame for that. It stands still while the connection is lost: the page shows nothing that it does not know.

import { formatDuration, formatSeconds, formatUntil } from "./durations.js";
import { formatBoth, formatRelative, formatTimestamp, timeFormat } from "./timestamps.js";

const TICK_MS = 250;
const CALM_TICKS = 4;
const lessMotion = matchMedia("(prefers-reduced-motion: reduce)");

/** The text for each data attribute. `since` counts from the start of the run, the others are timestamps.
 * @type {Record<string, (at: number, time: number, now: number) => string>} */
const TEXTS = {
  since: (at, _time, now) => formatDuration(now - at),
  open: (at, time) => formatDuration(time - at),
  ago: formatRelative,
  for: (at, time) => formatSeconds(time - at),
  waits: (at, time) => `for ${formatSeconds(time - at)}`,
  until: (at, time) => formatUntil(at - time),
};
const NAMES = Object.keys(TEXTS);
const PASSING = `relative-time, ${NAMES.map((name) => `[data-${name}]`)}`;

/** @type {LiveClock | null} */
let clock = null;

export class LiveClock extends HTMLElement {
  connectedCallback() {
    clock = this;
    this.origin = Number(this.dataset.origin);
    this.offset = Number(this.dataset.now) - Date.now();
    this.frozenAt = 0;
    this.ticks = 0;
    this.timer = setInterval(() => document.hidden || this.frozenAt || this.isBetween() || this.tick(), TICK_MS);
    for (const type of ["htmx:after:swap", "htmx:ws:after:message:incoming"]) document.addEventListener(type, () => this.schedule());
    document.addEventListener("visibilitychange", () => document.hidden || this.tick());
    this.tick();
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }

  /** The server's time, or when the connection was lost. */
  get time() {
    return this.frozenAt || Date.now() + this.offset;
  }

  /** Of the run. */
  get now() {
    return this.time - this.origin;
  }

  /** Whether this quarter of a second is one of those without a change. */
  isBetween() {
    return lessMotion.matches && this.ticks++ % CALM_TICKS > 0;
  }

  /** @param {number} serverNow */
  sync(serverNow) {
    this.offset = serverNow - Date.now();
  }

  /** @param {boolean} frozen @param {number} [at] by the browser's clock */
  freeze(frozen, at = Date.now()) {
    this.frozenAt = frozen ? this.frozenAt || at + this.offset : 0;
    this.tick();
  }

  /** Tick once before the next paint: a frame swaps up to 40 rows, one after another. */
  schedule() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.tick();
    });
  }

  /** Rewrite what has changed since the last tick; others that draw time listen for "tick". */
  tick() {
    const { time, now } = this;
    for (const element of document.querySelectorAll(PASSING)) {
      if (element.showTime) element.showTime(time);
      const name = NAMES.find((one) => one in element.dataset);
      if (name) write(element, TEXTS[name](Number(element.dataset[name]), time, now));
    }
    this.writeTimestamps();
    this.dispatchEvent(new Event("tick", { bubbles: true }));
  }

  /** Those that are not in the current format: a log has thousands. A morph takes data-format away together with our text. */
  writeTimestamps() {
    for (const element of document.querySelectorAll(`time[datetime]:not([data-format="${timeFormat.current}"])`)) {
      write(element, formatTimestamp(timestampOf(element), this.origin));
      element.dataset.format = timeFormat.current;
    }
  }
}

timeFormat.addEventListener("change", () => {
  if (clock) clock.tick();
  else for (const element of document.querySelectorAll("relative-time")) element.showTime(Date.now());
});

/** The page's clock, if it has one. */
export function pageClock() {
  return clock;
}

/** @param {Element} element with datetime */
export const timestampOf = (element) => Date.parse(element.getAttribute("datetime"));

// Both absolute forms are in the title, once somebody points at it: setting thousands would cost too much.
document.addEventListener("pointerover", ({ target }) => {
  const element = target.closest?.("time[datetime], relative-time");
  if (element) element.title = formatBoth(timestampOf(element));
});

/** Change the text of an element: of its text node where it has nothing else, because a node that comes or goes makes the browser ask
 * for every `:has()` above it whether it still holds. @param {Element} element @param {string} text */
export function write(element, text) {
  const { firstChild, lastChild } = element;
  if (element.textContent === text) return;
  if (firstChild instanceof Text && firstChild === lastChild) firstChild.data = text;
  else element.textContent = text;
}
