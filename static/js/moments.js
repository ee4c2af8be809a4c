// How moments are said: relative (to now, or to the run's start), in the reader's time, or in UTC. One choice for all pages, in a cookie.

import { keep } from "./cookies.js";
import { agoWords, stopwatchWords, tickWords } from "./time.js";

const DAY_MS = 86_400_000;

/** @typedef {"relative" | "local" | "utc"} Way */
/** @type {Way[]} */
const WAYS = ["relative", "local", "utc"];

class Moments extends EventTarget {
  constructor() {
    super();
    this.read();
    addEventListener("pageshow", (event) => event.persisted && this.read());
  }

  /** What the cookie says; another page may have changed it. */
  read() {
    const kept = /(?:^|; )times=(\w+)/.exec(document.cookie)?.[1];
    this.choose(WAYS.find((way) => way === kept) ?? "relative");
  }

  /** @param {Way} way */
  choose(way) {
    if (this.way === way) return;
    this.way = way;
    this.dispatchEvent(new Event("change"));
  }

  /** The next way from here, for all pages. */
  next() {
    const way = WAYS[(WAYS.indexOf(this.way) + 1) % WAYS.length];
    keep("times", way);
    this.choose(way);
  }
}

export const moments = new Moments();

/** Add it to a moment, and its UTC is what the reader's clock says. @param {number} at */
const shiftOf = (at) => -new Date(at).getTimezoneOffset() * 60_000;

/** The day and the time of day to the millisecond, as the server writes them. @param {number} at @param {boolean} [isUTC] */
function partsOf(at, isUTC = moments.way === "utc") {
  const said = new Date(at + (isUTC ? 0 : shiftOf(at))).toISOString();
  return { day: said.slice(0, 10), clock: said.slice(11, 23) };
}

/** The time of day to the millisecond. @param {number} at @param {boolean} isUTC */
export function clockWords(at, isUTC) {
  return partsOf(at, isUTC).clock;
}

const zone = () => (moments.way === "utc" ? "Z" : "");

/** The time of day, which nothing can be relative to. @param {number} at */
export function secondWords(at) {
  return partsOf(at).clock.slice(0, 8) + zone();
}

/** A moment that is compared with now. @param {number} at @param {number} now */
export function passedWords(at, now) {
  if (moments.way === "relative") return agoWords(now - at);
  const { day, clock } = partsOf(at);
  return (day === partsOf(now).day ? "" : `${day} `) + clock.slice(0, 8) + zone();
}

/** A moment of a run, to the millisecond; with its day when the run began on another one. @param {number} at @param {number} origin */
export function exactWords(at, origin) {
  if (moments.way === "relative") return stopwatchWords(at - origin);
  const { day, clock } = partsOf(at);
  return (day === partsOf(origin).day ? "" : `${day} `) + clock + zone();
}

/** Both absolute forms, for a title. @param {number} at */
export function bothWords(at) {
  const [local, utc] = [partsOf(at, false), partsOf(at, true)];
  const minutes = shiftOf(at) / 60_000;
  const hours = new Date(Math.abs(minutes) * 60_000).toISOString().slice(11, 16);
  return `${local.day} ${local.clock} local (UTC${minutes < 0 ? "−" : "+"}${hours})\n${utc.day} ${utc.clock} UTC`;
}

/** What an axis counts: from which moment its round numbers are, in ms before the run began, and how it says one of them.
 * @param {number} origin when the run began */
export function scaleOf(origin) {
  if (moments.way === "relative") return { shift: 0, words: tickWords };
  const shift = origin + (moments.way === "utc" ? 0 : shiftOf(origin));
  return { shift, words: (/** @type {number} */ at, /** @type {number} */ step) => wallWords(origin + at, step) };
}

/** A moment of an axis that says the time of day, as exactly as its step asks for. @param {number} at @param {number} step */
function wallWords(at, step) {
  const { day, clock } = partsOf(at);
  if (step >= DAY_MS || (step >= 60_000 && clock.startsWith("00:00"))) return day;
  if (step >= 60_000) return clock.slice(0, 5);
  return clock.slice(0, step >= 1000 ? 8 : step >= 100 ? 10 : step >= 10 ? 11 : 12);
}
