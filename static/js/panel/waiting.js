// The panel of an action until the server has sent it: what its row says. So no panel is shown under the selection of another
// action, with that one's buttons in it.

import { rowOf } from "../tree/rows.js";

const EMPTY = `<div class="panel" id="panel">
  <header class="panel-head"><h2></h2>
    <button type="button" class="icon-button" data-close-panel aria-label="Close the panel"><svg class="icon" aria-hidden="true"><use href="#i-close"></use></svg></button>
    <p class="facts"></p></header>
  <div class="tabs" role="tablist" aria-label="Parts of the panel"></div>
  <div class="panel-body" id="panel-body"></div></div>`;

/** @param {string} tag @param {string} text @param {string} className */
function make(tag, text, className) {
  return Object.assign(document.createElement(tag), { textContent: text, className });
}

/** Show the row of an action in the panel, unless that is its own already. @param {HTMLElement} pane @param {string} name @param {string} tab that was asked for */
export function showWaiting(pane, name, tab) {
  if (pane.querySelector("#panel")?.dataset.name === name) return;
  const row = rowOf(name);
  if (!pane.querySelector("#panel .panel-body")) pane.innerHTML = EMPTY;
  const panel = pane.querySelector("#panel");
  Object.assign(panel.dataset, { name, tab: tab || "overview", attempt: "", seq: row?.dataset.seq ?? "", phase: row?.dataset.phase ?? "" });
  showHead(panel, row, name);
  panel.querySelector("[role=tablist]").inert = true; // its links are those of the action before; a morph makes it usable again
  const body = panel.querySelector(".panel-body");
  const note = make("section", "", "block waiting-note");
  note.append(make("p", "Loading…", "empty-line"));
  body.replaceChildren(note);
  body.ariaBusy = "true";
  pane.scrollTop = 0;
}

/** @param {HTMLElement} panel @param {HTMLElement | null} row @param {string} name */
function showHead(panel, row, name) {
  const mark = /** @type {Element | undefined} */ (row?.querySelector(".phase-mark")?.cloneNode(true));
  mark?.classList.add("big");
  const label = make("span", row?.querySelector(".name > .label").textContent ?? name, "label");
  panel.querySelector("h2").replaceChildren(...(mark ? [mark] : []), label);
  const status = row ? [make("span", row.querySelector(".status > b").textContent, "pill")] : [];
  const fact = make("span", "", "fact");
  fact.append(make("code", name, ""));
  panel.querySelector(".facts").replaceChildren(...status, fact);
}

/** The request has failed, and the reason is shown: nothing is waited for. @param {HTMLElement} pane */
export function endWaiting(pane) {
  const body = pane.querySelector("#panel > .panel-body[aria-busy]");
  if (!body) return;
  body.ariaBusy = null;
  body.querySelector(":scope > .waiting-note")?.remove();
}
