// The loaded rows: a window into all rows of the tree, between spacers that stand for the others. A row that has the
// focus stays, though the window is elsewhere: it is pinned, and splits a spacer.

import { send } from "./live.js";

const WINDOW = 80;
const MARGIN = 15;
const FLING_MS = 250; // between two windows while nothing that shows is loaded: rows that flew by are of no use
const BEHIND = 16; // rows that stay above what shows while one scrolls down, and below it on the way up

export class LoadedRows {
  /** @param {import("./tree.js").RunTree} tree */
  constructor(tree) {
    this.tree = tree;
    this.grid = tree.grid;
    /** @type {{index: number, then: (row: HTMLElement) => void} | null} the row that a key went for, not here yet */
    this.wanted = null;
    this.grid.addEventListener("scroll", () => this.scrolled(), { passive: true });
    for (const kind of ["wheel", "touchmove", "mousedown"]) {
      this.grid.addEventListener(kind, () => { this.wanted = null; }, { passive: true });
    }
  }

  /** How many rows are above the loaded ones. */
  get before() {
    const first = this.tree.rows[0];
    return first ? Number(first.ariaRowIndex) - 1 : 0;
  }

  get after() {
    return this.total - this.before - this.tree.rows.length;
  }

  /** How many rows there are, loaded or not. */
  get total() {
    let total = this.tree.querySelectorAll("#rows > .row").length;
    for (const spacer of this.tree.querySelectorAll(".spacer")) total += Number(spacer.dataset.rows);
    return total;
  }

  get rowHeight() {
    return this.tree.rows[0]?.offsetHeight || 32;
  }

  /** The 0-based rows between which the view lies. */
  get view() {
    const height = this.rowHeight;
    const top = Math.floor(this.grid.scrollTop / height);
    return { top, bottom: top + Math.ceil(this.grid.clientHeight / height) };
  }

  /** Of rows that slid in, others slide out: only those from `start` to before `stop` stay. @param {number} start @param {number} stop */
  drop(start, stop) {
    for (const row of this.tree.rows) {
      const index = Number(row.ariaRowIndex) - 1;
      if (index < start || index >= stop) row.remove();
    }
  }

  sizeSpacers() {
    for (const spacer of this.tree.querySelectorAll(".spacer")) {
      spacer.style.blockSize = `calc(${spacer.dataset.rows} * var(--row-h))`;
    }
    this.grid.setAttribute("aria-rowcount", String(this.total));
    this.grid.toggleAttribute("data-windowed", Boolean(this.before || this.after));
  }

  scrolled() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.ask();
    });
  }

  /** Ask for other rows when what shows comes near the window's border. @param {boolean} [isAwaited] by a key */
  ask(isAwaited = false) {
    const { before, after } = this;
    if (!before && !after) return;
    const { top, bottom } = this.view;
    const end = before + this.tree.rows.length;
    const isNearTop = before && top < before + MARGIN;
    const isNearEnd = after && bottom > end - MARGIN;
    if (!isNearTop && !isNearEnd) return;
    if (bottom <= before || top >= end) return isAwaited || !this.waitedFor(FLING_MS) ? this.jump() : undefined;
    const around = Math.round((top + bottom - WINDOW) / 2);
    if (isNearTop) this.askFrom(Math.min(around, bottom + BEHIND - WINDOW));
    else this.askFrom(Math.max(around, top - BEHIND));
  }

  /** Ask for what shows when nothing of it is here: for no more than that and some around it, so that it comes soon. */
  jump() {
    const { top, bottom } = this.view;
    const count = Math.min(WINDOW, bottom - top + 2 * BEHIND + 4);
    this.askFrom(Math.round((top + bottom - count) / 2), count);
  }

  /** Whether rows were asked for so lately that it is better to ask later; that is then seen to. @param {number} ms */
  waitedFor(ms) {
    const left = (this.askedAt ?? -ms) + ms - performance.now();
    if (left <= 0) return false;
    this.later ??= setTimeout(() => {
      this.later = undefined;
      this.ask();
    }, left);
    return true;
  }

  /** @param {number} from @param {number} [count] */
  askFrom(from, count = WINDOW) {
    const first = Math.max(0, from);
    if (this.asked === first || !send(this.tree, { kind: "window", first, count })) return;
    this.asked = first;
    this.askedAt = performance.now();
  }

  /** Other rows will come: begin at their top. */
  begin() {
    this.grid.scrollTop = 0;
    this.askFrom(0);
  }

  /** Go to a row, which may have to be asked for. @param {number} index 0-based @param {(row: HTMLElement) => void} [then] */
  go(index, then = () => {}) {
    this.wanted = { index: Math.min(Math.max(index, 0), this.total - 1), then };
    if (this.arrive()) return;
    // No scroll event may follow when the view is there already, above rows that are to come.
    this.grid.scrollTop = Math.max(0, (this.wanted.index + 1) * this.rowHeight - this.grid.clientHeight / 2);
    this.ask(true);
  }

  /** Focus the row that `go` went for, once it is there; whether one was under way. */
  arrive() {
    if (!this.wanted) return false;
    const { index, then } = this.wanted;
    const row = this.tree.rows[Math.min(index, this.total - 1) - this.before];
    if (!row) return false;
    this.wanted = null;
    this.tree.focusRow(row);
    then(row);
    return true;
  }
}
