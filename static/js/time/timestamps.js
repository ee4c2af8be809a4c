// Timestamps as text: relative (to now, or to the start of the run), local or in UTC. The reader chooses for all pages; a cookie
// keeps the choice.

import { setCookie } from "../page/persistence.js";
import { formatAgo, formatStopwatch } from "./durations.js";
import { formatTick } from "./ticks.js";

const DAY_MS = 86_400_000;

/** @typedef {"relative" | "local" | "utc"} Format */
/** @type {Format[]} */
const FORMATS = ["relative", "local", "utc"];

class TimeFormat extends EventTarget {
  constructor() {
    super();
    this.read();
    addEventListener("pageshow", (event) => event.persisted && this.read());
  }

  /** Take it from the cookie, which another page may have changed. */
  read() {
    const kept = /(?:^|; )times=(\w+)/.exec(document.cookie)?.[1];
    this.choose(FORMATS.find((format) => format === kept) ?? "relative");
  }

  /** @param {Format} format */
  choose(format) {
    if (this.current === format) return;
    this.current = format;
    this.dispatchEvent(new Event("change"));
  }

  /** Change to the next format, on all pages. */
  next() {
    const format = FORMATS[(FORMATS.indexOf(this.current) + 1) % FORMATS.length];
    setCookie("times", format);
    this.choose(format);
  }
}

export const timeFormat = new TimeFormat();

/** The reader's offset from UTC, in milliseconds. @param {number} at */
const offsetOf = (at) => -new Date(at).getTimezoneOffset() * 60_000;

/** The day and the time of day to the millisecond, as the server writes them. @param {number} at @param {boolean} [isUTC] */
function partsOf(at, isUTC = timeFormat.current === "utc") {
  const text = new Date(at + (isUTC ? 0 : offsetOf(at))).toISOString();
  return { day: text.slice(0, 10), clock: text.slice(11, 23) };
}

/** The time of day to the millisecond. @param {number} at @param {boolean} isUTC */
export function formatTimeOfDay(at, isUTC) {
  return partsOf(at, isUTC).clock;
}

const zone = () => (timeFormat.current === "utc" ? "Z" : "");

/** The time of day to the second; it has no relative form. @param {number} at */
export function formatShortTimeOfDay(at) {
  return partsOf(at).clock.slice(0, 8) + zone();
}

/** A timestamp that is compared with now. @param {number} at @param {number} now */
export function formatRelative(at, now) {
  if (timeFormat.current === "relative") return formatAgo(now - at);
  const { day, clock } = partsOf(at);
  return (day === partsOf(now).day ? "" : `${day} `) + clock.slice(0, 8) + zone();
}

/** A timestamp of a run, to the millisecond; with its day when the run began on another one. @param {number} at @param {number} origin */
export function formatTimestamp(at, origin) {
  if (timeFormat.current === "relative") return formatStopwatch(at - origin);
  const { day, clock } = partsOf(at);
  return (day === partsOf(origin).day ? "" : `${day} `) + clock + zone();
}

/** Both absolute forms, for a title. @param {number} at */
export function formatBoth(at) {
  const [local, utc] = [partsOf(at, false), partsOf(at, true)];
  const minutes = offsetOf(at) / 60_000;
  const hours = new Date(Math.abs(minutes) * 60_000).toISOString().slice(11, 16);
  return `${local.day} ${local.clock} local (UTC${minutes < 0 ? "−" : "+"}${hours})\n${utc.day} ${utc.clock} UTC`;
}

/** The scale of an axis: its round numbers are counted from `shift` ms before the run began; `format` writes one of them.
 * @param {number} origin when the run began */
export function scaleOf(origin) {
  if (timeFormat.current === "relative") return { shift: 0, format: formatTick };
  const shift = origin + (timeFormat.current === "utc" ? 0 : offsetOf(origin));
  return { shift, format: (/** @type {number} */ at, /** @type {number} */ step) => formatWallClock(origin + at, step) };
}

/** A tick of an axis that shows the time of day, as exactly as its step asks for. @param {number} at @param {number} step */
function formatWallClock(at, step) {
  const { day, clock } = partsOf(at);
  if (step >= DAY_MS || (step >= 60_000 && clock.startsWith("00:00"))) return day;
  if (step >= 60_000) return clock.slice(0, 5);
  return clock.slice(0, step >= 1000 ? 8 : step >= 100 ? 10 : step >= 10 ? 11 : 12);
}
