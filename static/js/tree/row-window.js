// The row window: the rows of the tree that are in the page, between spacers that stand for the others. It asks for other
// rows when the reader comes near its border. A row that has the focus stays though the window is elsewhere: it is pinned,
// and splits a spacer.

import { WINDOW_ROWS } from "../page/constants.js";

const MARGIN = 15; // visible rows may come so near to the border
const FLING_MS = 250; // between two requests while no visible row is loaded: rows that flew by are of no use
const BEHIND = 16; // rows that stay above the visible ones while one scrolls down, and below them on the way up

export class RowWindow {
  /** @param {HTMLElement} grid that scrolls @param {(message: object) => boolean} ask @param {(row: HTMLElement) => void} focus */
  constructor(grid, ask, focus) {
    this.grid = grid;
    this.ask = ask;
    this.focus = focus;
    /** @type {{index: number, then: (row: HTMLElement) => void} | null} the row that `go` goes to, while it is not loaded */
    this.target = null;
    this.grid.addEventListener("scroll", () => this.scrolled(), { passive: true });
    for (const kind of ["wheel", "touchmove", "mousedown"]) {
      this.grid.addEventListener(kind, () => { this.target = null; }, { passive: true });
    }
  }

  /** The loaded rows in their order, without a pinned one. */
  get rows() {
    return [...this.grid.querySelectorAll("#rows > .row:not([data-pinned])")];
  }

  /** How many rows are above the loaded ones. */
  get before() {
    const first = this.rows[0];
    return first ? Number(first.ariaRowIndex) - 1 : 0;
  }

  get after() {
    return this.total - this.before - this.rows.length;
  }

  /** How many rows there are, loaded or not. */
  get total() {
    let total = this.grid.querySelectorAll("#rows > .row").length;
    for (const spacer of this.grid.querySelectorAll(".spacer")) total += Number(spacer.dataset.rows);
    return total;
  }

  get rowHeight() {
    return this.rows[0]?.offsetHeight || 32;
  }

  /** The 0-based index of the first visible row, and of the one after the last. */
  get visible() {
    const height = this.rowHeight;
    const top = Math.floor(this.grid.scrollTop / height);
    return { top, bottom: top + Math.ceil(this.grid.clientHeight / height) };
  }

  /** Of rows that slid in, others slide out: only those from `start` to before `stop` stay. @param {number} start @param {number} stop */
  drop(start, stop) {
    for (const row of this.rows) {
      const index = Number(row.ariaRowIndex) - 1;
      if (index < start || index >= stop) row.remove();
    }
  }

  sizeSpacers() {
    for (const spacer of this.grid.querySelectorAll(".spacer")) {
      spacer.style.blockSize = `calc(${spacer.dataset.rows} * var(--row-h))`;
    }
    this.grid.setAttribute("aria-rowcount", String(this.total));
    this.grid.toggleAttribute("data-windowed", Boolean(this.before || this.after));
  }

  scrolled() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.request();
    });
  }

  /** Ask for other rows when the visible ones are near the window's border. @param {boolean} [isAwaited] by a key */
  request(isAwaited = false) {
    const { before, after } = this;
    if (!before && !after) return;
    const { top, bottom } = this.visible;
    const end = before + this.rows.length;
    const isNearTop = before && top < before + MARGIN;
    const isNearEnd = after && bottom > end - MARGIN;
    if (!isNearTop && !isNearEnd) return;
    if (bottom <= before || top >= end) return isAwaited || !this.isLater(FLING_MS) ? this.requestVisible() : undefined;
    const around = Math.round((top + bottom - WINDOW_ROWS) / 2);
    if (isNearTop) this.requestFrom(Math.min(around, bottom + BEHIND - WINDOW_ROWS));
    else this.requestFrom(Math.max(around, top - BEHIND));
  }

  /** Nothing visible is loaded: ask for no more than that and some around it, so that it comes soon. */
  requestVisible() {
    const { top, bottom } = this.visible;
    const count = Math.min(WINDOW_ROWS, bottom - top + 2 * BEHIND + 4);
    this.requestFrom(Math.round((top + bottom - count) / 2), count);
  }

  /** Whether the last request is so young that it is better to ask later, which is then done. @param {number} ms */
  isLater(ms) {
    const left = (this.requestedAt ?? -ms) + ms - performance.now();
    if (left <= 0) return false;
    this.later ??= setTimeout(() => {
      this.later = undefined;
      this.request();
    }, left);
    return true;
  }

  /** @param {number} from @param {number} [count] */
  requestFrom(from, count = WINDOW_ROWS) {
    const first = Math.max(0, from);
    if (this.requested === first || !this.ask({ kind: "window", first, count })) return;
    this.requested = first;
    this.requestedAt = performance.now();
  }

  /** What was asked for last may be asked for again: it was lost, or other rows are there now. */
  forgetRequest() {
    this.requested = undefined;
  }

  /** Other rows will come: begin at their top. */
  begin() {
    this.grid.scrollTop = 0;
    this.requestFrom(0);
  }

  /** Go to a row, which may have to be asked for. @param {number} index 0-based @param {(row: HTMLElement) => void} [then] */
  go(index, then = () => {}) {
    this.target = { index: Math.min(Math.max(index, 0), this.total - 1), then };
    if (this.arrive()) return;
    // No scroll event may follow when the view is there already, above rows that are to come.
    this.grid.scrollTop = Math.max(0, (this.target.index + 1) * this.rowHeight - this.grid.clientHeight / 2);
    this.request(true);
  }

  /** Focus the target once it is loaded; whether there was one. */
  arrive() {
    if (!this.target) return false;
    const { index, then } = this.target;
    const row = this.rows[Math.min(index, this.total - 1) - this.before];
    if (!row) return false;
    this.target = null;
    this.focus(row);
    then(row);
    return true;
  }
}
