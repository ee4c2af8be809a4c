// <run-tree>: the keys, the window and the selection of the tree. Rows carry no handlers; this listens for them all.

import { announceCounts, showFavicon } from "./announce.js";
import { nameOf, pressed } from "./keys.js";
import { send } from "./live.js";
import { closePanel, openPanel, refreshPanel } from "./inspector.js";
import { Picks } from "./picks.js";

const WINDOW = 100;
const MARGIN = 20;

/** The control for which the panel was opened. */
function focusFirst() {
  document.querySelector("#panel [data-first]")?.focus();
}

export class RunTree extends HTMLElement {
  connectedCallback() {
    this.grid = this.querySelector(".tree");
    this.seq = Number(this.dataset.seq);
    this.collapsed = new Set();
    this.selected = this.dataset.selected;
    this.wanted = null;
    this.picks = new Picks(this);
    this.addEventListener("mousedown", (event) => event.shiftKey && event.preventDefault()); // it would select text
    this.addEventListener("click", (event) => this.clicked(event));
    this.addEventListener("keydown", (event) => pressed(this, event));
    this.grid.addEventListener("focusin", (event) => this.rove(event.target.closest(".rows > .row")));
    this.grid.addEventListener("scroll", () => this.scrolled(), { passive: true });
    document.addEventListener("click", (event) => this.linked(event));
    this.sizeSpacers();
    this.settle();
    const row = this.selected && this.row(this.selected);
    if (row) row.scrollIntoView({ block: "center" });
  }

  /** What the server must know of this page. */
  hello() {
    return { kind: "hello", since: this.seq, first: this.before, count: this.rows.length, toggled: [...this.collapsed] };
  }

  beforeFrame() {
    const row = document.activeElement?.closest?.(".rows > .row");
    this.hadFocus = row ? { name: nameOf(row), index: this.rows.indexOf(row) } : null;
    this.hadRows = this.order;
  }

  /** @param {{seq: number}} frame */
  afterFrame(frame) {
    this.seq = frame.seq;
    if (this.order !== this.hadRows) this.movedAt = performance.now();
    this.sizeSpacers();
    this.settle();
    announceCounts();
    showFavicon();
    if (this.selected) refreshPanel(this, this.selected);
  }

  /** Which rows there are, and in which order. */
  get order() {
    return `${this.before} ${this.rows.map(nameOf).join(" ")}`;
  }

  get rows() {
    return [...this.querySelectorAll("#rows > .row")];
  }

  get before() {
    return Number(document.getElementById("rows-before").dataset.rows);
  }

  get after() {
    return Number(document.getElementById("rows-after").dataset.rows);
  }

  /** @param {string} name */
  row(name) {
    return document.getElementById(`action-${name}`);
  }

  sizeSpacers() {
    for (const spacer of this.querySelectorAll(".spacer")) {
      spacer.style.blockSize = `calc(${spacer.dataset.rows} * var(--row-h))`;
    }
    this.grid.setAttribute("aria-rowcount", String(this.before + this.rows.length + this.after));
  }

  /** After rows came or went: one row can be reached with Tab, the selected one says so, lost focus comes back. */
  settle() {
    const rows = this.rows;
    for (const row of rows) {
      const isSelected = nameOf(row) === this.selected;
      if (isSelected) row.setAttribute("aria-selected", "true");
      else if (row.hasAttribute("aria-selected")) row.removeAttribute("aria-selected");
    }
    if (this.wanted) {
      const row = this.wanted === "last" ? !this.after && rows.at(-1) : this.wanted === "first" ? !this.before && rows[0] : null;
      if (row) {
        this.wanted = null;
        this.focusRow(row);
      }
    } else if (this.hadFocus && !this.row(this.hadFocus.name)) {
      this.focusRow(rows[Math.min(this.hadFocus.index, rows.length - 1)]);
    }
    this.picks.settle();
    this.rove(rows.find((row) => row.tabIndex === 0) || (this.selected && this.row(this.selected)) || rows[0]);
  }

  /** Make this the one row with tabindex 0. @param {HTMLElement | null | undefined} row */
  rove(row) {
    if (!row) return;
    for (const other of this.querySelectorAll('#rows > .row[tabindex="0"]')) if (other !== row) other.tabIndex = -1;
    row.tabIndex = 0;
  }

  /** @param {HTMLElement | undefined} row */
  focusRow(row) {
    if (!row) return;
    this.rove(row);
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const row = event.target.closest("#rows > .row");
    if (!row || event.target.closest("[data-abort], [data-abort-group]")) return;
    const isLink = event.target.closest("a") && !event.shiftKey;
    const picks = event.target.closest(".pick") || event.shiftKey || event.ctrlKey || event.metaKey;
    if (picks && isLink) return; // a new tab
    if (picks && event.shiftKey) this.picks.pickTo(row);
    else if (picks) this.picks.pick(row, event.target.matches("input") ? event.target.checked : undefined);
    else if (event.target.closest(".twist") && row.ariaExpanded) this.toggle(row);
    else this.select(nameOf(row)).then(() => event.target.closest("[data-opens]") && focusFirst());
    if (!event.target.matches("input")) event.preventDefault();
    this.focusRow(row);
  }

  /** Links of the panel to other actions. @param {MouseEvent} event */
  linked(event) {
    const link = event.target.closest("[data-select]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || !this.row(link.dataset.select)) return;
    event.preventDefault();
    this.select(link.dataset.select);
    this.row(link.dataset.select).scrollIntoView({ block: "nearest" });
  }

  /** @param {string} name */
  select(name) {
    this.selected = name;
    this.settle();
    return openPanel(this, name);
  }

  close() {
    this.selected = "";
    this.settle();
    closePanel();
  }

  /** @param {HTMLElement} row */
  toggle(row) {
    const open = row.getAttribute("aria-expanded") === "false";
    if (!send(this, { kind: "toggle", name: nameOf(row) })) return;
    if (open) this.collapsed.delete(nameOf(row));
    else this.collapsed.add(nameOf(row));
  }

  scrolled() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.ask();
    });
  }

  /** Ask for other rows when what shows comes near the window's border. */
  ask() {
    const height = this.rows[0]?.offsetHeight || 32;
    const top = Math.floor(this.grid.scrollTop / height);
    const bottom = top + Math.ceil(this.grid.clientHeight / height);
    const { before, after } = this;
    const end = before + this.rows.length;
    if (!(before && top < before + MARGIN) && !(after && bottom > end - MARGIN)) return;
    const first = Math.max(0, Math.round((top + bottom - WINDOW) / 2));
    if (this.asked !== first && send(this, { kind: "window", first, count: WINDOW })) this.asked = first;
  }

  /** Go to the first or last row, which may have to be asked for. @param {"first" | "last"} which */
  edge(which) {
    const isHere = which === "first" ? !this.before : !this.after;
    this.grid.scrollTop = which === "first" ? 0 : this.grid.scrollHeight;
    if (isHere) this.focusRow(this.rows.at(which === "first" ? 0 : -1));
    else this.wanted = which;
  }
}
