// The socket: says hello, acknowledges frames, notices what is missing. hx-ws owns the socket and its retries.

import { pageClock } from "./clock.js";

const RETRIED = [1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014, 4500]; // as in base.html; 4500: the server failed
const BEATS = 3; // so many may be missed
const LOOK_MS = 1000;
const FIRST_BEAT = 5; // seconds, until a frame says it

/** The element that has the page's socket. @type {HTMLElement | undefined} */
let source;
let heardAt = Date.now();
let dueAt = heardAt + BEATS * FIRST_BEAT * 1000; // later, a silence is noticed
let trueAt = heardAt; // what the page shows was true then
let isTrue = true; // and still is

/** @param {import("./connection.js").State} state @param {string} [more] */
function show(state, more) {
  document.querySelector("connection-status")?.show(state, more, trueAt);
}

function showConnected() {
  isTrue = true;
  show(document.getElementById("run-summary")?.dataset.end ? "ended" : "live");
}

/** Whether the element's socket is open, and if so, send. @param {EventTarget} element @param {object} message */
export function send(element, message) {
  const socket = element.connection?.socket;
  if (socket?.readyState !== WebSocket.OPEN) return false;
  socket.send(JSON.stringify(message));
  return true;
}

/** @param {EventTarget} element */
const helloOf = (element) => element.hello?.() ?? { kind: "hello", since: -1 };

document.addEventListener("htmx:ws:before:connection", (event) => {
  source = /** @type {HTMLElement} */ (event.target);
  source.connection = event.detail.connection;
});

document.addEventListener("htmx:ws:after:connection", (event) => {
  source = /** @type {HTMLElement} */ (event.target);
  source.connection = event.detail.connection;
  source.connection.number = 0;
  dueAt = Date.now() + BEATS * FIRST_BEAT * 1000;
  send(source, helloOf(source));
  const more = source.afterHello?.();
  if (more) send(source, more);
});

document.addEventListener("htmx:ws:before:message:incoming", (event) => {
  const { connection, message } = event.detail;
  const frame = JSON.parse(message.data);
  heardAt = Date.now();
  dueAt = heardAt + BEATS * frame.beat * 1000;
  connection.frame = frame;
  if (frame.number === connection.number + 1) {
    connection.number = frame.number;
    if ("content" in frame) event.target.beforeFrame?.(frame);
    pageClock()?.sync(frame.now);
    return;
  }
  // One was lost or came twice. It is not acknowledged, so nothing follows it but the answer to this.
  event.detail.cancelled = true;
  connection.number = frame.number;
  send(event.target, { ...helloOf(event.target), since: -1 });
});

document.addEventListener("htmx:ws:after:message:incoming", (event) => {
  const { frame, socket } = event.detail.connection;
  if ("content" in frame) event.target.afterFrame?.(frame);
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ kind: "ack", seq: frame.seq }));
  showConnected();
});

document.addEventListener("htmx:ws:close", (event) => {
  const { code, connection } = event.detail;
  cut(Date.now());
  if (document.hidden) show("paused");
  else if (RETRIED.includes(code)) show("reconnecting", connection.attempt > 1 ? ` (${connection.attempt})` : "");
  else show("lost");
});

/** From when on the page may be wrong. @param {number} at */
function cut(at) {
  if (isTrue) trueAt = at;
  isTrue = false;
}

/** Drop the socket and open another one now. Its close may never be answered, so it is not waited for. */
function reconnect() {
  const { connection } = source ?? {};
  if (!connection) return;
  if (source._htmx?.ws?.connection !== connection) return location.reload(); // hx-ws gave up
  clearTimeout(connection.timer);
  connection.socket?.close();
  connection.socket = null;
  dueAt = Date.now() + FIRST_BEAT * 1000;
  document.dispatchEvent(new Event("visibilitychange")); // hx-ws opens what is not open
}

/** Notice a silence. After a sleep of the machine, the time that has passed is one. */
function look() {
  const { connection } = source ?? {};
  if (document.hidden || Date.now() < dueAt || source?._htmx?.ws?.connection !== connection) return;
  if (!connection?.socket || connection.socket.readyState === WebSocket.CLOSED) return; // hx-ws tries already
  cut(heardAt);
  show("reconnecting");
  reconnect();
}

setInterval(look, LOOK_MS);
document.addEventListener("connection-retry", reconnect);
document.addEventListener("resume", look);
window.addEventListener("online", look);
window.addEventListener("pageshow", (event) => event.persisted && reconnect());
