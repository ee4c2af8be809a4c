// Types for the scripts of the pages, for `tsc --checkJs` (make check); nothing of it is served.
// A new custom element is one import and one line in HTMLElementTagNameMap; then document.querySelector("run-x") has its type.

import type { AbortDialog } from "../static/js/dialogs/abort-dialog.js";
import type { AbortPopover } from "../static/js/dialogs/abort-popover.js";
import type { AnswerDialog } from "../static/js/dialogs/answer-dialog.js";
import type { DeleteDialog } from "../static/js/dialogs/delete-dialog.js";
import type { TimeAxis } from "../static/js/time/time-axis.js";
import type { LiveClock } from "../static/js/time/live-clock.js";
import type { CopyButton, ScopeMenu, ThemeToggle } from "../static/js/page/controls.js";
import type { RelativeTime, TimeSwitch } from "../static/js/time/time-switch.js";
import type { TimeCursor } from "../static/js/time/time-cursor.js";
import type { RunFilter } from "../static/js/tree/run-filter.js";
import type { SheetHandle } from "../static/js/panel/bottom-sheet.js";
import type { LogView } from "../static/js/log/log-view.js";
import type { ConnectionStatus } from "../static/js/page/connection-status.js";
import type { RunMinimap } from "../static/js/time/run-minimap.js";
import type { CallTable } from "../static/js/list/call-table.js";
import type { RunList } from "../static/js/list/run-list.js";
import type { KeysHelp } from "../static/js/dialogs/keys-help.js";
import type { SplitPane } from "../static/js/page/split-pane.js";
import type { WatchRun } from "../static/js/watch/watch-run.js";
import type { RunTree } from "../static/js/tree/run-tree.js";

/** What hx-ws knows of the socket of an element. */
export interface Connection {
  socket: WebSocket | null;
  attempt: number;
  frame: Frame;
  /** The number of the last frame; ours, hx-ws does not know it. */
  number: number;
  /** Until its next attempt. */
  timer: number;
}

/** A message of the server; its other fields are for htmx. */
export interface Frame {
  seq: number;
  now: number;
  /** Counted for each socket, from 1. */
  number: number;
  /** Of the list of runs: how many there are, by phase, when that has changed. */
  counts?: Record<string, number>;
  /** How many conditions wait for the reader, when that has changed. */
  waiting?: number;
  /** The heartbeat: seconds until the next frame at the latest. */
  heartbeat: number;
}

/** Lines of a log, from a place on (as [chunk, lines of the next one]) up to another. */
export interface LogFrame {
  action: number;
  attempt: number;
  since: [number, number];
  upto: [number, number];
  html: string;
  isOver: boolean;
}

/** A frame of the log of a run: lines from a place on, up to another. */
export interface RunLogFrame extends Frame {
  log?: { since: string; upto: string; html: string; isOver: boolean };
}

/** A frame of a run. */
export interface RunFrame extends Frame {
  /** Of the tree: the 0-based row with which its window begins, and the one after its end. */
  rows?: [number, number];
  log?: LogFrame;
  /** What was printed last, by name of the action: of those rows where that has changed. */
  lines?: Record<string, string>;
  /** What its processes use, in the same way; of the selected action too. */
  uses?: Record<string, string>;
  /** By which inputs the children of what is shown can be sorted, when that has changed. */
  inputs?: string[];
  /** The answer to a jump: the action that was found, "" when none was; and the branches that were opened for it. */
  sought?: string;
  opened?: string[];
  /** Of the selected action, when its row is not in the page: the number of its last change. */
  panel?: { name: string; seq: number };
}

/** detail of hx-ws' events. */
interface SocketDetail {
  code: number;
  connection: Connection;
  message: { data: string };
  /** Set to true, so that nothing is swapped. */
  cancelled?: boolean;
}

/** What htmx knows of a request. */
export interface HtmxRequest {
  sourceElement: Element;
  target: Element | null;
  swap: string;
  text: string;
  request: { method: string; action: string };
  response?: { headers: Headers };
}

declare global {
  interface HTMLElementTagNameMap {
    "watch-run": WatchRun;
    "abort-dialog": AbortDialog;
    "abort-popover": AbortPopover;
    "delete-dialog": DeleteDialog;
    "answer-dialog": AnswerDialog;
    "call-table": CallTable;
    "connection-status": ConnectionStatus;
    "copy-button": CopyButton;
    "keys-help": KeysHelp;
    "live-clock": LiveClock;
    "log-view": LogView;
    "relative-time": RelativeTime;
    "run-filter": RunFilter;
    "run-list": RunList;
    "run-minimap": RunMinimap;
    "run-tree": RunTree;
    "scope-menu": ScopeMenu;
    "sheet-handle": SheetHandle;
    "split-pane": SplitPane;
    "theme-toggle": ThemeToggle;
    "time-axis": TimeAxis;
    "time-cursor": TimeCursor;
    "time-switch": TimeSwitch;
  }

  // Our pages are HTML: what a selector finds is an HTMLElement unless its tag says more.
  interface ParentNode {
    querySelector<K extends keyof HTMLElementTagNameMap>(selectors: K): HTMLElementTagNameMap[K] | null;
    querySelector<E extends Element = HTMLElement>(selectors: string): E | null;
    querySelectorAll<K extends keyof HTMLElementTagNameMap>(selectors: K): NodeListOf<HTMLElementTagNameMap[K]>;
    querySelectorAll<E extends Element = HTMLElement>(selectors: string): NodeListOf<E>;
  }

  interface Element {
    closest<K extends keyof HTMLElementTagNameMap>(selector: K): HTMLElementTagNameMap[K] | null;
    closest<E extends Element = HTMLElement>(selectors: string): E | null;
  }

  // The target of a delegated event is an element; one with hx-ws:connect takes part in its socket (page/socket.js).
  // What only inputs and forms have still needs a cast: /** @type {HTMLInputElement} */ (event.target).
  interface EventTarget {
    closest<K extends keyof HTMLElementTagNameMap>(selector: K): HTMLElementTagNameMap[K] | null;
    closest<E extends Element = HTMLElement>(selectors: string): E | null;
    matches(selectors: string): boolean;
    getAttribute(name: string): string | null;
    querySelector<K extends keyof HTMLElementTagNameMap>(selectors: K): HTMLElementTagNameMap[K] | null;
    querySelector<E extends Element = HTMLElement>(selectors: string): E | null;
    querySelectorAll<K extends keyof HTMLElementTagNameMap>(selectors: K): NodeListOf<HTMLElementTagNameMap[K]>;
    querySelectorAll<E extends Element = HTMLElement>(selectors: string): NodeListOf<E>;
    connection?: Connection;
    hello?(): object;
    /** What is sent right after it. */
    afterHello?(): object | undefined;
    beforeFrame?(frame: Frame): void;
    afterFrame?(frame: Frame): void;
  }

  interface HTMLElement {
    /** The custom properties that time-axis.js has set, by name. */
    kept?: Record<string, number>;
    /** What htmx knows of an element. */
    _htmx?: { ws?: { connection?: Connection } };
    /** Of elements whose text depends on the time. @param now the server's */
    showTime?(now: number): void;
  }

  interface DocumentEventMap {
    "htmx:response:error": CustomEvent<{ ctx: HtmxRequest }>;
    "htmx:error": CustomEvent<{ ctx?: HtmxRequest }>;
    "htmx:before:request": CustomEvent<{ ctx: HtmxRequest }>;
    "htmx:before:swap": CustomEvent<{ ctx?: HtmxRequest }>;
    "htmx:finally:request": CustomEvent<{ ctx: HtmxRequest }>;
    "htmx:ws:before:connection": CustomEvent<SocketDetail>;
    "htmx:ws:after:connection": CustomEvent<SocketDetail>;
    "htmx:ws:before:message:incoming": CustomEvent<SocketDetail>;
    "htmx:ws:after:message:incoming": CustomEvent<SocketDetail>;
    "htmx:ws:close": CustomEvent<SocketDetail>;
  }

  interface Window {
    htmx: { ajax(method: string, url: string, options: object): Promise<void> };
  }
}
