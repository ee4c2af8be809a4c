// <live-clock>: the one clock of the page. It fills in what passes with time, so that rows need no server for it.
// It stands still while the connection is lost: what the page does not know, it does not claim.

import { agoWords, durationWords, niceStep, secondsWords, tickWords, untilWords } from "./time.js";

const TICK_MS = 250;
const MIN_SPAN_MS = 2000;

/** @type {LiveClock | null} */
let clock = null;

export class LiveClock extends HTMLElement {
  connectedCallback() {
    clock = this;
    this.origin = Number(this.dataset.origin);
    this.offset = Number(this.dataset.now) - Date.now();
    this.frozenAt = 0;
    this.timer = setInterval(() => document.hidden || this.frozenAt || this.tick(), TICK_MS);
    document.addEventListener("htmx:after:swap", () => this.tick());
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

  /** @param {number} serverNow */
  sync(serverNow) {
    this.offset = serverNow - Date.now();
  }

  /** @param {boolean} frozen @param {number} [at] by the browser's clock */
  freeze(frozen, at = Date.now()) {
    this.frozenAt = frozen ? this.frozenAt || at + this.offset : 0;
    this.tick();
  }

  tick() {
    const { time } = this;
    const now = time - this.origin;
    fill("since", (since) => durationWords(now - since));
    fill("open", (since) => durationWords(time - since));
    fill("ago", (at) => agoWords(time - at));
    fill("for", (since) => secondsWords(time - since));
    fill("until", (at) => untilWords(at - time));
    for (const element of document.querySelectorAll("relative-time")) element.say?.(time);
    const tree = document.querySelector(".tree");
    if (tree) this.draw(tree, now);
  }

  /** @param {HTMLElement} tree @param {number} now */
  draw(tree, now) {
    const end = document.getElementById("run-summary")?.dataset.end;
    const until = end ? Number(end) : now;
    const step = niceStep(Math.max(until, MIN_SPAN_MS), 6);
    // While the run lasts the axis grows by whole parts of a step, so that ended bars stand still between.
    const span = end ? Math.max(until, 1) : Math.ceil(Math.max(until * 1.02, MIN_SPAN_MS) / (step / 2)) * (step / 2);
    set(tree, "--now", until);
    set(tree, "--span", span);
    set(tree, "--tick", step);
    for (const bar of tree.querySelectorAll("[data-from]")) {
      set(bar, "--from", bar.dataset.from);
      set(bar, "--to", bar.dataset.to ?? "");
    }
    drawAxis(tree.querySelector(".axis"), span, step);
  }
}

/** Write what has passed, or is left, into each element that has this data attribute. `since` counts from the run's
 * start, the others are moments. @param {string} name @param {(ms: number) => string} words */
function fill(name, words) {
  for (const element of document.querySelectorAll(`[data-${name}]`)) write(element, words(Number(element.dataset[name])));
}

/** The page's clock, if it has one. */
export function pageClock() {
  return clock;
}

/** @param {HTMLElement} axis @param {number} span @param {number} step */
function drawAxis(axis, span, step) {
  const key = `${span}/${step}`;
  if (!axis || axis.dataset.key === key) return;
  axis.dataset.key = key;
  const ticks = [];
  for (let at = 0; at <= span - step * 0.6; at += step) {
    const tick = document.createElement("span");
    tick.dataset.from = String(at);
    tick.style.setProperty("--from", String(at));
    tick.textContent = tickWords(at);
    ticks.push(tick);
  }
  axis.replaceChildren(...ticks);
}

/** @param {Element} element @param {string} text */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set a custom property once. @param {HTMLElement} element @param {string} name @param {string | number} value */
function set(element, name, value) {
  element.kept ??= {};
  if (element.kept[name] === String(value)) return;
  element.kept[name] = String(value);
  if (value === "") element.style.removeProperty(name);
  else element.style.setProperty(name, String(value));
}
