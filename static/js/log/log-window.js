// The part of a log that the page holds. It grows where its reader goes, and loses lines at its other end. Until it reaches the end
// of the log no frames bring lines; then they follow again.

import { get } from "../page/requests.js";
import { removeLines } from "./folds.js";

export const MOST = 5000; // lines; twice as many while somebody reads further up, so that they are not taken away at once

export class LogWindow {
  /** @param {import("./log-view.js").LogView} log */
  constructor(log) {
    this.log = log;
    this.isLoading = false;
  }

  /** Whether there are lines before it. */
  get isCut() {
    return "cut" in this.log.dataset;
  }

  /** Whether there are lines behind it, beside those that come live. */
  get hasMore() {
    return "more" in this.log.dataset;
  }

  /** The place of its first line, or of its last one. @param {boolean} isLast */
  place(isLast = false) {
    const links = this.log.box.querySelectorAll(".line > a[href]");
    return placeOf(links[isLast ? links.length - 1 : 0]?.parentElement);
  }

  /** Load what is before it. @returns {Promise<boolean>} whether something came */
  async earlier() {
    const place = this.place();
    const part = this.isCut && place && (await this.ask({ before: place }));
    if (!part || this.place() !== place) return false;
    this.log.toggleAttribute("data-cut", "cut" in part.dataset);
    this.log.keepPlace(() => this.log.insert(part, true));
    this.trimEnd();
    return true;
  }

  /** Load what is behind it. @returns {Promise<boolean>} whether something came */
  async later() {
    const { chunk, lines } = this.log.dataset;
    const part = this.hasMore && (await this.ask({ after: `${chunk}.${lines}` }));
    if (!part || this.log.dataset.chunk !== chunk || this.log.dataset.lines !== lines) return false;
    this.log.insert(part, false);
    this.reach(part);
    this.trimStart();
    return true;
  }

  /** Load another part in place of this one: around a line, or the end. @param {string} [place] */
  async go(place) {
    const part = await this.ask(place ? { around: place } : {});
    if (!part) return false;
    removeLines(this.log.all);
    this.log.toggleAttribute("data-cut", "cut" in part.dataset);
    this.log.insert(part, false);
    this.reach(part);
    this.log.search.removed();
    return true;
  }

  /** Up to where the lines are, and whether there are more. @param {HTMLElement} part */
  reach({ dataset: { chunk, lines, more } }) {
    Object.assign(this.log.dataset, { chunk, lines });
    this.detach(more !== undefined);
  }

  /** @param {boolean} isDetached from the end of the log */
  detach(isDetached) {
    if (this.hasMore === isDetached) return;
    this.log.toggleAttribute("data-more", isDetached);
    this.log.unseen = 0;
    this.log.tellPosition();
  }

  /** Remove the first lines. */
  trimStart() {
    const most = this.log.follows ? MOST : 2 * MOST;
    const gone = this.log.all.slice(0, -most);
    if (!gone.length) return;
    this.log.dataset.cut = "";
    this.log.keepPlace(() => this.log.drop(gone));
  }

  /** Remove the last lines: whoever reads so far up comes back to them, or jumps to the end. */
  trimEnd() {
    const gone = this.log.all.slice(2 * MOST);
    if (!gone.length) return;
    this.log.drop(gone);
    const [chunk, number] = this.place(true).split(".").map(Number);
    // All chunks before this one, and of it the lines up to the last one: runs/queries/logs/action_log.py reads offsets so.
    Object.assign(this.log.dataset, { chunk: String(chunk - 1), lines: String(number + 1) });
    this.detach(true);
  }

  /** Ask for one part at a time. @param {Record<string, string>} query @returns {Promise<HTMLElement | undefined>} */
  async ask(query) {
    if (this.isLoading) return undefined;
    this.isLoading = true;
    const answer = await get(`${this.log.dataset.log}/lines?${new URLSearchParams({ ...query, ...this.log.wanted })}`);
    this.isLoading = false;
    const part = answer.ok ? /** @type {HTMLElement} */ (answer.body.firstElementChild) : undefined;
    this.log.toggleAttribute("data-ui-failed", !part);
    return (this.log.isConnected && part) || undefined;
  }
}

/** The place of a line; "" of one that says what is missing. @param {Element | null | undefined} line */
export const placeOf = (line) => line?.querySelector("a[href]")?.getAttribute("href").replace("?line=", "") ?? "";
