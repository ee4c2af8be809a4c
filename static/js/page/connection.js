// Whether the page is connected to the server: decides when the connection is lost, and opens another one. hx-ws owns the
// socket and retries what was closed; what it cannot notice is noticed here: a server that went silent, a machine that
// slept, a page that the browser brought back.

import { FORBIDDEN, HEARTBEAT_SECONDS, RECONNECT_CODES, SIGNED_OUT } from "./constants.js";

const MISSED_HEARTBEATS = 3; // then the connection counts as lost
const CHECK_MS = 1000;

/** The element that has the page's socket. @type {HTMLElement | undefined} */
let source;
let lastFrameAt = Date.now();
let lostAt = lastFrameAt + MISSED_HEARTBEATS * HEARTBEAT_SECONDS * 1000; // unless a frame comes before
let currentAt = lastFrameAt; // what the page shows was true then
let isCurrent = true; // and still is

/** @param {import("./connection-status.js").State} state @param {string} [more] */
function show(state, more) {
  document.querySelector("connection-status")?.show(state, more, currentAt);
}

/** @param {HTMLElement} element whose socket is about to open @param {import("../../../types/page.d.ts").Connection} connection */
export function connecting(element, connection) {
  source = element;
  source.connection = connection;
}

/** @param {HTMLElement} element whose socket is open @param {import("../../../types/page.d.ts").Connection} connection */
export function connected(element, connection) {
  connecting(element, connection);
  lostAt = Date.now() + MISSED_HEARTBEATS * HEARTBEAT_SECONDS * 1000;
}

/** A frame arrived, even if it is not the next one. @param {import("../../../types/page.d.ts").Frame} frame */
export function received(frame) {
  lastFrameAt = Date.now();
  lostAt = lastFrameAt + MISSED_HEARTBEATS * frame.heartbeat * 1000;
}

/** A frame is shown: the page is up to date. */
export function updated() {
  isCurrent = true;
  show(document.querySelector("#run-summary[data-end]:not([data-end='']), run-log[data-end]") ? "ended" : "live");
}

/** From when on the page may be out of date. @param {number} at */
function outdated(at) {
  if (isCurrent) currentAt = at;
  isCurrent = false;
}

document.addEventListener("htmx:ws:close", (event) => {
  const { code, connection } = event.detail;
  outdated(Date.now());
  if (code === SIGNED_OUT) show("signed-out");
  else if (code === FORBIDDEN) show("forbidden");
  else if (document.hidden) show("paused");
  else if (RECONNECT_CODES.includes(code)) show("reconnecting", connection.attempt > 1 ? ` (${connection.attempt})` : "");
  else show("lost");
});

/** Drop the socket and open another one now. Its close may never be answered, so it is not waited for. */
function reconnect() {
  const { connection } = source ?? {};
  if (!connection) return;
  if (source._htmx?.ws?.connection !== connection) return location.reload(); // hx-ws gave up
  clearTimeout(connection.timer);
  connection.socket?.close();
  connection.socket = null;
  lostAt = Date.now() + HEARTBEAT_SECONDS * 1000;
  document.dispatchEvent(new Event("visibilitychange")); // hx-ws opens what is not open
}

/** Reconnect when no frame came for too long. After a sleep of the machine, the time that has passed counts too. */
function check() {
  const { connection } = source ?? {};
  if (document.hidden || Date.now() < lostAt || source?._htmx?.ws?.connection !== connection) return;
  if (!connection?.socket || connection.socket.readyState === WebSocket.CLOSED) return; // hx-ws retries already
  outdated(lastFrameAt);
  show("reconnecting");
  reconnect();
}

setInterval(check, CHECK_MS);
document.addEventListener("connection-retry", reconnect);
document.addEventListener("resume", check);
window.addEventListener("online", check);
window.addEventListener("pageshow", (event) => event.persisted && reconnect());
