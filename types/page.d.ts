// What the scripts of the pages may count on, for `tsc --checkJs` (make check); nothing of it is served.
// A new custom element is one import and one line in HTMLElementTagNameMap; then document.querySelector("run-x") has its type.

import type { AbortDialog } from "../static/js/abort.js";
import type { AnswerDialog } from "../static/js/answer.js";
import type { TimeAxis } from "../static/js/axis.js";
import type { LiveClock } from "../static/js/clock.js";
import type { CopyButton, RelativeTime, ScopeMenu, ThemeToggle, TimeSwitch } from "../static/js/controls.js";
import type { TimeCursor } from "../static/js/cursor.js";
import type { RunFilter } from "../static/js/filter.js";
import type { SheetHandle } from "../static/js/handle.js";
import type { LogView } from "../static/js/logs.js";
import type { ConnectionStatus } from "../static/js/connection.js";
import type { RunMap } from "../static/js/minimap.js";
import type { RunList } from "../static/js/runs.js";
import type { KeysSheet } from "../static/js/sheet.js";
import type { SplitPane } from "../static/js/split.js";
import type { RunTree } from "../static/js/tree.js";

/** What hx-ws keeps of the socket of an element. */
interface Connection {
  socket: WebSocket | null;
  attempt: number;
  frame: Frame;
  /** Of the last frame; ours. */
  number: number;
  /** Until its next try. */
  timer: number;
}

/** What the server sends: the rest of it is for htmx. */
interface Frame {
  seq: number;
  now: number;
  /** Of this socket, from 1. */
  number: number;
  /** Seconds until the next one at the latest. */
  beat: number;
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

/** What only the feed of a run says. */
export interface RunFrame extends Frame {
  /** Of the tree: the 0-based row with which its window begins, and the one after its end. */
  rows?: [number, number];
  log?: LogFrame;
  /** Of the selected action, when its row is not in the page: the number of its last change. */
  panel?: { name: string; seq: number };
}

/** detail of hx-ws' events. */
interface SocketDetail {
  code: number;
  connection: Connection;
  message: { data: string };
  /** Set it, and nothing is swapped. */
  cancelled?: boolean;
}

/** What htmx keeps of a request. */
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
    "abort-dialog": AbortDialog;
    "answer-dialog": AnswerDialog;
    "connection-status": ConnectionStatus;
    "copy-button": CopyButton;
    "keys-sheet": KeysSheet;
    "live-clock": LiveClock;
    "log-view": LogView;
    "relative-time": RelativeTime;
    "run-filter": RunFilter;
    "run-list": RunList;
    "run-map": RunMap;
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

  // The target of an event that was delegated to us is an element; those with hx-ws:connect (live.js) say and hear more.
  // What only inputs and forms have still wants a cast: /** @type {HTMLInputElement} */ (event.target).
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
    /** What was asked while there was no connection. */
    unsent?: object;
    hello?(): object;
    /** What to say right after it. */
    afterHello?(): object | undefined;
    beforeFrame?(frame: Frame): void;
    afterFrame?(frame: Frame): void;
  }

  interface HTMLElement {
    /** The custom properties that axis.js has set, by name. */
    kept?: Record<string, number>;
    /** Where htmx keeps what it knows of an element. */
    _htmx?: { ws?: { connection?: Connection } };
    /** Of what shows a time that passes. @param now the server's */
    say?(now: number): void;
  }

  interface DocumentEventMap {
    "htmx:response:error": CustomEvent<{ ctx: HtmxRequest }>;
    "htmx:error": CustomEvent<{ ctx?: HtmxRequest }>;
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
