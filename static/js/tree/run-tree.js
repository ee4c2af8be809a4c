// <run-tree>: the tree of a run, and its selected action. Rows carry no handlers: events are delegated to here.
// Each helper owns one part of the state and writes no other's: it returns what is to be done, or calls what it was given.
// Only this element knows them all, and in which order they take a frame.

import { shownLog } from "../log/log-view.js";
import { announce, announceCounts } from "../page/announcer.js";
import { showFavicon } from "../page/favicon.js";
import { send } from "../page/socket.js";
import { toast } from "../page/toasts.js";
import { closePanel, openPanel, refreshPanel } from "../panel/panel.js";
import { BulkSelection } from "./bulk-selection.js";
import { clicked, linked } from "./clicks.js";
import { Expansion } from "./expansion.js";
import { Follow } from "./follow.js";
import { Footer } from "./footer.js";
import { HeldRow } from "./held-row.js";
import { Jump } from "./jump.js";
import { pressed } from "./keys.js";
import { LastLines } from "./last-lines.js";
import { RowFocus } from "./row-focus.js";
import { RowWindow } from "./row-window.js";
import { focusedRow, nameOf, rowOf } from "./rows.js";
import { ScrollAnchor } from "./scroll-anchor.js";

const NO_FAILURE = "No action has failed";

export class RunTree extends HTMLElement {
  connectedCallback() {
    this.grid = this.querySelector(".tree");
    this.seq = Number(this.dataset.seq);
    this.selected = this.dataset.selected;
    const ask = (/** @type {object} */ message) => send(this, message); // what is not sent, the next hello holds
    this.expansion = new Expansion(ask);
    this.rowFocus = new RowFocus(this.grid, ask);
    this.rowWindow = new RowWindow(this.grid, ask, (row) => this.rowFocus.give(row));
    this.anchor = new ScrollAnchor(this.rowWindow);
    this.held = new HeldRow(this.grid);
    this.bulk = new BulkSelection(this.querySelector(".bulk"), this.rowWindow, () => this.focusTabStop());
    this.following = new Follow(this.querySelector("[data-follow]"), this.grid, ask);
    this.jump = new Jump(ask);
    this.lastLines = new LastLines(this.querySelector("[data-lines]"), this.grid, ask);
    this.footer = new Footer(this.querySelector(".tree-foot"), this.rowWindow, this.following);
    this.addEventListener("mousedown", (event) => event.shiftKey && event.preventDefault()); // it would select text
    this.addEventListener("click", (event) => clicked(this, event));
    this.addEventListener("keydown", (event) => pressed(this, event));
    document.addEventListener("click", (event) => linked(this, event));
    this.rowWindow.sizeSpacers();
    this.settle();
    rowOf(this.selected)?.scrollIntoView({ block: "center" });
    if ("elsewhere" in this.dataset) this.jump.openAt(this.selected);
    this.openedAt = this.grid.scrollTop;
  }

  /** What the server must know of this page. */
  hello() {
    this.rowWindow.forgetRequest();
    this.lastLines.forget();
    const shape = { ...this.expansion.shape, ...this.filters.shape, follows: this.following.isOn };
    // Where a pinned row lay, only the last connection knows.
    const since = this.querySelector("#rows > [data-pinned]") ? -1 : this.seq;
    const { rowFocus, rowWindow, selected } = this;
    const rows = { first: rowWindow.before, count: rowWindow.rows.length };
    const shown = { selected, lines: this.lastLines.isOn, log: shownLog() };
    return { kind: "hello", since, ...rows, focus: rowFocus.name, ...shown, ...shape };
  }

  afterHello() {
    return this.jump.takePending();
  }

  beforeFrame() {
    this.rowFocus.keep(this.rows);
    this.hadRows = this.order;
    this.anchor.keep();
    this.held.keep();
  }

  /** @param {import("../../../types/page.d.ts").RunFrame} frame */
  afterFrame(frame) {
    this.seq = frame.seq;
    if (frame.log) document.querySelector("log-view")?.take(frame.log);
    this.rowWindow.drop(...frame.rows);
    this.lastLines.take(frame);
    if (this.order !== this.hadRows) {
      this.movedAt = performance.now();
      this.rowWindow.forgetRequest();
    }
    this.rowWindow.sizeSpacers();
    const above = this.following.isOn ? 0 : this.holdStill();
    this.settle();
    this.filters.settle();
    if (frame.inputs) this.filters.offerInputs(frame.inputs);
    this.arrive(frame);
    rowOf(this.following.settle())?.scrollIntoView({ block: "nearest" });
    this.footer.settle(above);
    this.rowWindow.request();
    announceCounts();
    showFavicon();
    if (this.selected) refreshPanel(this, this.selected, frame);
    // What else the page is made of has its height by now. Who has scrolled since stays there.
    if (this.selected && this.grid.scrollTop === this.openedAt) rowOf(this.selected)?.scrollIntoView({ block: "nearest" });
    this.openedAt = -1;
    this.held.hold();
  }

  /** After a frame: scroll as far as rows came or went above what the reader sees. Returns how many. */
  holdStill() {
    // htmx gives a row that it moved the focus back, and scrolls to it.
    if (this.rowFocus.kept && this.grid.scrollTop !== this.anchor.scrollTop) this.grid.scrollTop = this.anchor.scrollTop;
    const moved = this.anchor.moved();
    if (moved) this.grid.scrollTop += moved * this.rowWindow.rowHeight;
    return moved;
  }

  /** After rows came or went: the selected one is marked, lost focus comes back, one row can be reached with Tab. */
  settle() {
    const { rows } = this;
    for (const row of rows) {
      const isSelected = nameOf(row) === this.selected;
      if (isSelected) row.setAttribute("aria-selected", "true");
      else if (row.hasAttribute("aria-selected")) row.removeAttribute("aria-selected");
    }
    if (!this.rowWindow.arrive()) this.rowFocus.restore(rows);
    this.bulk.settle();
    this.rowFocus.rove(this.rowFocus.tabStop || (this.selected && rowOf(this.selected)) || rows[0]);
  }

  /** Which rows there are, and in which order. */
  get order() {
    return `${this.rowWindow.before} ${this.rows.map(nameOf).join(" ")}`;
  }

  /** Those of the window; a pinned row is not one of them. */
  get rows() {
    return this.rowWindow.rows;
  }

  /** @returns {import("./run-filter.js").RunFilter} */
  get filters() {
    return document.querySelector("run-filter");
  }

  /** @param {HTMLElement | null | undefined} row */
  focusRow(row) {
    this.rowFocus.give(row);
  }

  focusTabStop() {
    this.focusRow(this.rows.find((row) => row.tabIndex === 0));
  }

  /** Open a branch, or close it. @param {HTMLElement} row */
  toggle(row) {
    this.footer.reshape();
    this.expansion.toggle(nameOf(row));
  }

  /** Open so many levels, 0: all. @param {number} depth */
  openLevels(depth) {
    this.footer.reshape();
    this.expansion.open(depth, this.anchor.name);
  }

  /** @param {object} shape of the filter @param {boolean} isOn whether it hides anything, or has sorted anew */
  filter(shape, isOn) {
    // What matches begins at its top; when everything comes back, the row under the eye stays.
    const around = isOn ? "" : this.anchor.name;
    if (!around) this.rowWindow.begin();
    this.footer.reshape();
    send(this, { kind: "filter", ...shape, around }); // without a socket, the next hello holds it
  }

  /** The action that is meant when none is named: of the focused row, or the selected one. */
  get currentName() {
    const row = focusedRow();
    return row ? nameOf(row) : (this.selected ?? "");
  }

  /** Go to the next failure, or the one before. @param {boolean} back */
  jumpToFailure(back) {
    this.following.set(false);
    this.jump.toFailure(this.currentName, back);
  }

  /** Go to the action of a link, though its row is not loaded; false when the socket is not open. @param {HTMLAnchorElement} link */
  jumpTo(link) {
    this.following.set(false);
    return this.jump.toLink(link);
  }

  /** After a frame, if it answers a jump: the row is focused and selected. @param {import("../../../types/page.d.ts").RunFrame} frame */
  arrive({ sought, opened }) {
    const end = this.jump.end(sought);
    if (!end) return;
    if (end.url) return location.assign(end.url);
    if (!end.name) return this.showNoFailure();
    this.expansion.toggled(opened);
    this.rowWindow.forgetRequest(); // the server moved the window by itself
    const row = rowOf(end.name);
    row.scrollIntoView({ block: "center" });
    if (end.isOpening) return this.settle(); // its panel is there, and nobody asked for the focus
    this.focusRow(row);
    this.select(end.name);
  }

  showNoFailure() {
    announce(NO_FAILURE);
    toast(NO_FAILURE);
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
    this.jump.chosen(name);
    send(this, { kind: "select", name }); // else the next hello holds it
  }

  close() {
    const row = document.activeElement.closest("#panel-pane") && (rowOf(this.selected) ?? this.rows[0]);
    this.choose("");
    this.settle();
    closePanel();
    this.focusRow(row);
  }
}
