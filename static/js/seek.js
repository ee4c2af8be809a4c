// The way to the next action that failed: the server finds it, opens what hides it, and moves the window there.

import { say, toast } from "./announce.js";
import { nameOf } from "./keys.js";
import { send } from "./live.js";

const NONE = "No action has failed";

/** The action to which the page is still to be brought, for which it was opened. */
let opening = "";

/** The link that was followed last: where to go when what it names is not shown. */
let followed = "";

/** The action that is meant when none is named: of the focused row, or the selected one. @param {import("./tree.js").RunTree} tree */
export function currentName(tree) {
  const row = document.activeElement?.closest?.("#rows > .row");
  return row ? nameOf(row) : (tree.selected ?? "");
}

/** Go to the next failure, or the one before. @param {import("./tree.js").RunTree} tree @param {boolean} back */
export function seek(tree, back) {
  tree.following.set(false);
  followed = "";
  opening = "";
  const message = { kind: "seek", name: currentName(tree), back };
  if (!send(tree, message)) tree.unsent = message;
}

/** Go to the action that a link names, though its row is not loaded; false when the socket is not open. @param {import("./tree.js").RunTree} tree @param {HTMLAnchorElement} link */
export function seekTo(tree, link) {
  tree.following.set(false);
  const isAsked = send(tree, { kind: "seek", to: link.dataset.select });
  followed = isAsked ? link.href : "";
  opening = "";
  return isAsked;
}

/** Go to the action that the page was opened for, as soon as there is a connection that leads there. @param {string} name */
export function openAt(name) {
  opening = name;
}

/** What each connection is to be asked until it is answered. */
export const unanswered = () => (opening ? { kind: "seek", to: opening } : undefined);

/** The reader went elsewhere. @param {string} name */
export function chosen(name) {
  if (name !== opening) opening = "";
}

/** After the frame that answers: its row is focused and selected. @param {import("./tree.js").RunTree} tree @param {{sought?: string, opened?: string[]}} frame */
export function arrive(tree, frame) {
  if (frame.sought === undefined) return;
  const wasOpening = Boolean(opening);
  opening = "";
  if (!frame.sought && wasOpening) return; // a filter hides it
  if (!frame.sought && followed) return location.assign(followed);
  if (!frame.sought) {
    say(NONE);
    toast(NONE);
    return;
  }
  for (const name of frame.opened) if (!tree.levels.toggled.delete(name)) tree.levels.toggled.add(name);
  tree.loaded.asked = undefined; // the server moved the window by itself
  const row = tree.row(frame.sought);
  row.scrollIntoView({ block: "center" });
  if (wasOpening) return tree.settle(); // its panel is there, and nobody asked for the focus
  tree.focusRow(row);
  tree.select(frame.sought);
}
