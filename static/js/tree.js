// <run-tree>: the focus, the shape and the selection of the tree. Rows carry no handlers; this listens for them all.

import { Anchor } from "./anchor.js";
import { announceCounts, showFavicon } from "./announce.js";
import { clicked, linked } from "./clicks.js";
import { Follow } from "./follow.js";
import { Foot } from "./foot.js";
import { closePanel, openPanel, refreshPanel } from "./inspector.js";
import { nameOf, pressed } from "./keys.js";
import { Levels } from "./levels.js";
import { send } from "./live.js";
import { LoadedRows } from "./loaded.js";
import { shownLog } from "./logs.js";
import { Picks } from "./picks.js";
import { Focus } from "./pin.js";
import { chosen, openAt, unanswered } from "./seek.js";

export class RunTree extends HTMLElement {
  connectedCallback() {
    this.grid = this.querySelector(".tree");
    this.seq = Number(this.dataset.seq);
    this.levels = new Levels(this);
    this.selected = this.dataset.selected;
    this.loaded = new LoadedRows(this);
    this.anchor = new Anchor(this);
    this.focused = new Focus(this);
    this.picks = new Picks(this);
    this.following = new Follow(this);
    this.foot = new Foot(this);
    this.addEventListener("mousedown", (event) => event.shiftKey && event.preventDefault()); // it would select text
    this.addEventListener("click", (event) => clicked(this, event));
    this.addEventListener("keydown", (event) => pressed(this, event));
    document.addEventListener("click", (event) => linked(this, event));
    this.loaded.sizeSpacers();
    this.settle();
    this.row(this.selected)?.scrollIntoView({ block: "center" });
    if ("elsewhere" in this.dataset) openAt(this.selected);
    this.openedAt = this.grid.scrollTop;
  }

  /** What the server must know of this page. */
  hello() {
    this.loaded.asked = undefined;
    const shape = { ...this.levels.shape, ...this.filters.shape, follows: this.following.isOn };
    // Where a pinned row lay, only the last connection knows.
    const since = this.querySelector("#rows > [data-pinned]") ? -1 : this.seq;
    const { focused, selected } = this;
    return { kind: "hello", since, first: this.loaded.before, count: this.rows.length, focus: focused.name, selected, log: shownLog(), ...shape };
  }

  /** What follows the hello: asked while there was no connection, or not answered yet. */
  afterHello() {
    const message = this.unsent ?? unanswered();
    this.unsent = undefined;
    return message;
  }

  /** @returns {import("./filter.js").RunFilter} */
  get filters() {
    return document.querySelector("run-filter");
  }

  beforeFrame() {
    this.focused.keep();
    this.hadRows = this.order;
    this.anchor.keep();
  }

  /** @param {import("../../types/page.d.ts").RunFrame} frame */
  afterFrame(frame) {
    this.seq = frame.seq;
    if (frame.log) document.querySelector("log-view")?.take(frame.log);
    this.loaded.drop(...frame.rows);
    if (this.order !== this.hadRows) {
      this.movedAt = performance.now();
      this.loaded.asked = undefined;
    }
    this.loaded.sizeSpacers();
    const above = this.following.isOn ? 0 : this.anchor.hold();
    this.settle();
    this.filters.settle();
    this.following.settle(frame);
    this.foot.settle(above);
    this.loaded.ask();
    announceCounts();
    showFavicon();
    if (this.selected) refreshPanel(this, this.selected, frame);
    // What else the page is made of has its height by now. Who has scrolled since stays there.
    if (this.selected && this.grid.scrollTop === this.openedAt) this.row(this.selected)?.scrollIntoView({ block: "nearest" });
    this.openedAt = -1;
  }

  /** Which rows there are, and in which order. */
  get order() {
    return `${this.loaded.before} ${this.rows.map(nameOf).join(" ")}`;
  }

  /** Those of the window; a pinned row is not one of them. */
  get rows() {
    return [...this.querySelectorAll("#rows > .row:not([data-pinned])")];
  }

  /** @param {string} name */
  row(name) {
    return document.getElementById(`action-${name}`);
  }

  /** After rows came or went: one row can be reached with Tab, the selected one says so, lost focus comes back. */
  settle() {
    const rows = this.rows;
    for (const row of rows) {
      const isSelected = nameOf(row) === this.selected;
      if (isSelected) row.setAttribute("aria-selected", "true");
      else if (row.hasAttribute("aria-selected")) row.removeAttribute("aria-selected");
    }
    if (!this.loaded.arrive()) this.focused.restore(rows);
    this.picks.settle();
    this.rove(this.querySelector('#rows > .row[tabindex="0"]') || (this.selected && this.row(this.selected)) || rows[0]);
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

  /** @param {string} name */
  select(name) {
    this.choose(name);
    this.settle();
    return openPanel(this, name);
  }

  /** @param {string} name */
  choose(name) {
    this.selected = name;
    chosen(name);
    send(this, { kind: "select", name }); // else the next hello says it
  }

  close() {
    const row = document.activeElement.closest("#inspector") && (this.row(this.selected) ?? this.rows[0]);
    this.choose("");
    this.settle();
    closePanel();
    this.focusRow(row);
  }
}
