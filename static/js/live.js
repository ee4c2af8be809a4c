// The socket: says hello, acknowledges frames, shows the connection's state. hx-ws owns the socket and its retries.

import { pageClock, write } from "./clock.js";

const WORDS = {
  connecting: "Connecting",
  live: "Live",
  ended: "Ended",
  reconnecting: "Reconnecting",
  paused: "Paused",
  lost: "Disconnected",
};
const RETRIED = [1001, 1005, 1006, 1011, 1012, 1013, 1014, 4500]; // as in base.html; 4500: the server failed

export class ConnectionStatus extends HTMLElement {
  /** @param {keyof typeof WORDS} state @param {string} [more] */
  show(state, more = "") {
    this.dataset.state = state;
    write(this, WORDS[state] + more);
    const isKnown = state === "live" || state === "ended" || state === "connecting";
    document.body.classList.toggle("stale", !isKnown);
    pageClock()?.freeze(!isKnown);
  }
}

/** @param {keyof typeof WORDS} state @param {string} [more] */
function show(state, more) {
  /** @type {ConnectionStatus | null} */ (document.querySelector("connection-status"))?.show(state, more);
}

function showConnected() {
  show(document.getElementById("run-summary")?.dataset.end ? "ended" : "live");
}

/** Whether the element's socket is open, and if so, send. @param {EventTarget} element @param {object} message */
export function send(element, message) {
  const socket = element.connection?.socket;
  if (socket?.readyState !== WebSocket.OPEN) return false;
  socket.send(JSON.stringify(message));
  return true;
}

document.addEventListener("htmx:ws:after:connection", (event) => {
  const element = event.target;
  element.connection = event.detail.connection;
  send(element, element.hello?.() ?? { kind: "hello", since: -1 });
});

document.addEventListener("htmx:ws:before:message:incoming", (event) => {
  const frame = JSON.parse(event.detail.message.data);
  event.detail.connection.frame = frame;
  event.target.beforeFrame?.(frame);
  pageClock()?.sync(frame.now);
});

document.addEventListener("htmx:ws:after:message:incoming", (event) => {
  const { frame, socket } = event.detail.connection;
  event.target.afterFrame?.(frame);
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ kind: "ack", seq: frame.seq }));
  showConnected();
});

document.addEventListener("htmx:ws:close", (event) => {
  const { code, connection } = event.detail;
  if (document.hidden) show("paused");
  else if (RETRIED.includes(code)) show("reconnecting", connection.attempt > 1 ? ` (${connection.attempt})` : "");
  else show("lost");
});
