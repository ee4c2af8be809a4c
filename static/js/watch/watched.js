// The runs that this browser watches, until they end: one of its tabs asks for their states, and says when one ends, fails or
// needs an answer: by a notification, and by title and icon of the run's own tab, which gets no frames while it is hidden.

import { setFavicon } from "../page/favicon.js";
import { toast } from "../page/toasts.js";

/** @typedef {{ status: string, label: string, task: string, error: string, isOver: boolean }} State of a run, as the server says it */

const STORED = "flyteui.watched";
const MOST = 20;
const EVERY_MS = 5000;
const ASKS = "paused"; // the status of a run in which a condition waits

/** @returns {Record<string, string>} the status that was seen last, by the path of the run */
function kept() {
  try {
    return JSON.parse(localStorage.getItem(STORED) ?? "{}") ?? {};
  } catch {
    return {};
  }
}

/** @param {Record<string, string>} runs */
function keep(runs) {
  localStorage.setItem(STORED, JSON.stringify(runs));
  document.dispatchEvent(new Event("watched-changed"));
}

/** @param {string} path */
export const isWatched = (path) => path in kept();

/** Whether it is watched from now on: so many at most. @param {string} path @param {string} status that the reader has seen */
export function watch(path, status) {
  const runs = kept();
  if (Object.keys(runs).length >= MOST) return false;
  keep({ ...runs, [path]: status });
  lead();
  return true;
}

/** @param {string} path */
export function unwatch(path) {
  const { [path]: _, ...others } = kept();
  keep(others);
}

let isLeading = false;

/** While there is something to watch, be the tab that asks, or wait until that one is closed. */
function lead() {
  if (isLeading || !Object.keys(kept()).length) return;
  isLeading = true;
  if (navigator.locks) navigator.locks.request("flyteui-watch", askUntilNothingIsLeft);
  else askUntilNothingIsLeft(); // not in a secure context: each tab asks
}

async function askUntilNothingIsLeft() {
  while (Object.keys(kept()).length) {
    await Promise.all(Object.keys(kept()).map(ask));
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  isLeading = false;
}

/** @param {string} path */
async function ask(path) {
  const answer = await fetch(`${path}/state`, { headers: { accept: "application/json" } }).catch(() => undefined);
  if (answer?.status === 404 || answer?.status === 403) return unwatch(path); // deleted, or not ours any more
  if (!answer?.ok) return; // the next time
  /** @type {State} */
  const state = await answer.json();
  const runs = kept();
  if (!(path in runs) || runs[path] === state.status) return;
  if (state.isOver) unwatch(path);
  else keep({ ...runs, [path]: state.status });
  channel?.postMessage({ path, state });
  reflect(path, state);
  if (state.isOver || state.status === ASKS) tell(path, state);
}

/** The run's own tab, while it is hidden. @param {string} path @param {State} state */
function reflect(path, state) {
  if (location.pathname !== path || !document.hidden) return;
  setFavicon(state.status);
  document.title = `${state.label} · ${state.task} · ${path.split("/").at(-1)}`;
}

/** @param {string} path @param {State} state */
function tell(path, state) {
  if (location.pathname === path && !document.hidden) return; // its reader sees it
  const title = `${state.label}: ${state.task}`;
  const body = [path.split("/").at(-1), state.error].filter(Boolean).join("\n");
  try {
    if (Notification.permission !== "granted") throw new TypeError("not allowed");
    const shown = new Notification(title, { body, tag: path, icon: "/static/mark.svg" });
    shown.addEventListener("click", () => {
      window.focus();
      location.assign(path);
    });
  } catch {
    say(path, title); // this browser shows none of a page, or must not
  }
}

/** @param {string} path @param {string} title */
function say(path, title) {
  const box = toast("<p><a></a></p>", true);
  Object.assign(box.querySelector("a"), { href: path, textContent: title });
}

const channel = "BroadcastChannel" in window ? new BroadcastChannel("flyteui-watch") : undefined;
channel?.addEventListener("message", (event) => reflect(event.data.path, event.data.state));
window.addEventListener("storage", (event) => {
  if (event.key !== STORED) return;
  document.dispatchEvent(new Event("watched-changed"));
  lead();
});
lead();
