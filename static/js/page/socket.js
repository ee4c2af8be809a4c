// The page's socket: says hello, checks that no frame is missing, lets the element take the frame, acknowledges it.
// hx-ws owns the socket and swaps what frames hold; connection.js decides whether the connection is lost.

import { showWaiting } from "../conditions/waiting-count.js";
import { pageClock } from "../time/live-clock.js";
import { connected, connecting, received, updated } from "./connection.js";

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
  connecting(/** @type {HTMLElement} */ (event.target), event.detail.connection);
});

document.addEventListener("htmx:ws:after:connection", (event) => {
  const { detail: { connection }, target } = event;
  connected(/** @type {HTMLElement} */ (target), connection);
  connection.number = 0;
  send(target, helloOf(target));
  const more = target.afterHello?.();
  if (more) send(target, more);
});

document.addEventListener("htmx:ws:before:message:incoming", (event) => {
  const { connection, message } = event.detail;
  const frame = JSON.parse(message.data);
  received(frame);
  connection.frame = frame;
  if (frame.number === connection.number + 1) {
    connection.number = frame.number;
    if ("waiting" in frame) showWaiting(frame.waiting);
    if ("content" in frame) event.target.beforeFrame?.(frame);
    pageClock()?.sync(frame.now);
    return;
  }
  // A frame was lost or came twice. It is not acknowledged, so nothing follows it but the answer to this hello.
  event.detail.cancelled = true;
  connection.number = frame.number;
  send(event.target, { ...helloOf(event.target), since: -1 });
});

document.addEventListener("htmx:ws:after:message:incoming", (event) => {
  const { frame, socket } = event.detail.connection;
  if ("content" in frame) event.target.afterFrame?.(frame);
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ kind: "ack", seq: frame.seq }));
  updated();
});
