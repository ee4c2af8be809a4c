// <live-clock>: the one clock of the page. It fills in what passes with time, so that rows need no server for it.
// It stands still while the connection is lost: what the page does not know, it does not claim.

import { bothWords, exactWords, moments, passedWords } from "./moments.js";
import { durationWords, secondsWords, untilWords } from "./time.js";

const TICK_MS = 250;

/** What each data attribute asks for. `since` counts from the run's start, the others are moments.
 * @type {Record<string, (at: number, time: number, now: number) => string>} */
const WORDS = {
  since: (at, _time, now) => durationWords(now - at),
  open: (at, time) => durationWords(time - at),
  ago: passedWords,
  for: (at, time) => secondsWords(time - at),
  waits: (at, time) => `for ${secondsWords(time - at)}`,
  until: (at, time) => untilWords(at - time),
};
const NAMES = Object.keys(WORDS);
const PASSING = `relative-time, ${NAMES.map((name) => `[data-${name}]`)}`;

/** @type {LiveClock | null} */
let clock = null;

export class LiveClock extends HTMLElement {
  connectedCallback() {
    clock = this;
    this.origin = Number(this.dataset.origin);
    this.offset = Number(this.dataset.now) - Date.now();
    this.frozenAt = 0;
    this.timer = setInterval(() => document.hidden || this.frozenAt || this.tick(), TICK_MS);
    for (const type of ["htmx:after:swap", "htmx:ws:after:message:incoming"]) document.addEventListener(type, () => this.soon());
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

  /** @param {number} serverNow */
  sync(serverNow) {
    this.offset = serverNow - Date.now();
  }

  /** @param {boolean} frozen @param {number} [at] by the browser's clock */
  freeze(frozen, at = Date.now()) {
    this.frozenAt = frozen ? this.frozenAt || at + this.offset : 0;
    this.tick();
  }

  /** Once before the next paint: a frame swaps up to 40 rows, one after another. */
  soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.tick();
    });
  }

  /** Write what has changed since the last time, and tell who else draws time. */
  tick() {
    const { time, now } = this;
    for (const element of document.querySelectorAll(PASSING)) {
      if (element.say) element.say(time);
      const name = NAMES.find((one) => one in element.dataset);
      if (name) write(element, WORDS[name](Number(element.dataset[name]), time, now));
    }
    this.sayMoments();
    this.dispatchEvent(new Event("tick", { bubbles: true }));
  }

  /** Those that do not say it yet: a log has thousands, and a morph takes data-way away together with our words. */
  sayMoments() {
    for (const element of document.querySelectorAll(`time[datetime]:not([data-way="${moments.way}"])`)) {
      write(element, exactWords(momentOf(element), this.origin));
      element.dataset.way = moments.way;
    }
  }
}

moments.addEventListener("change", () => {
  if (clock) clock.tick();
  else for (const element of document.querySelectorAll("relative-time")) element.say(Date.now());
});

/** The page's clock, if it has one. */
export function pageClock() {
  return clock;
}

/** @param {Element} element with datetime */
export const momentOf = (element) => Date.parse(element.getAttribute("datetime"));

// Both absolute forms are in the title of each as soon as somebody points at it: thousands would cost too much.
document.addEventListener("pointerover", ({ target }) => {
  const element = target.closest?.("time[datetime], relative-time");
  if (element) element.title = bothWords(momentOf(element));
});

/** @param {Element} element @param {string} text */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
