// Failed requests: an error box in the place of what could not be loaded, with the id of the request and Retry.

export const UNKNOWN = "The server could not make this part of the page.";
export const SILENT = "The server did not answer.";

/** The message of an error box that the server rendered. @param {string} html */
function messageOf(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.querySelector(".error-box p")?.textContent || UNKNOWN;
}

/** @param {string} tag @param {string} text @param {string} [className] */
function make(tag, text, className = "") {
  const found = document.createElement(tag);
  found.textContent = text;
  if (className) found.className = className;
  return found;
}

/** @param {string} text @param {string} className @param {string} name of the data attribute by which it is known */
function makeButton(text, className, name) {
  const button = /** @type {HTMLButtonElement} */ (make("button", text, className));
  button.type = "button";
  button.dataset[name] = "";
  return button;
}

/** @param {string} className @param {() => void} retry */
function retryButton(className, retry) {
  const button = makeButton("Retry", className, "retry");
  button.addEventListener("click", retry);
  return button;
}

/** @param {string} id */
function requestLine(id) {
  const line = make("p", "Request ", "muted");
  line.append(make("code", id));
  return line;
}

/** As runs/page/_error.html, for an error that the server did not render. @param {string} message @param {string} id of the request, or nothing */
export function errorBox(message, id) {
  const box = make("div", "", "error-box");
  box.setAttribute("role", "alert");
  box.append(make("h2", "This did not work"), make("p", message));
  if (id) box.append(requestLine(id));
  box.append(makeButton("Close", "button", "close"));
  return box;
}

/** A dialog that shows an error can ask again. @param {HTMLDialogElement} dialog @param {() => void} retry */
export function offerRetry(dialog, retry) {
  const box = dialog.querySelector(".error-box");
  if (!box) return;
  box.querySelector("h2").id = dialog.getAttribute("aria-labelledby");
  const buttons = make("div", "", "dialog-buttons");
  const button = retryButton("button", () => {
    button.disabled = true;
    retry();
  });
  buttons.append(box.querySelector("[data-close]"), button);
  box.append(buttons);
}

/** @param {string} message @param {string} id of the request, or nothing @param {() => void} retry */
function makeBox(message, id, retry) {
  const box = make("div", "", "error-box failed-part");
  box.dataset.failed = "";
  box.setAttribute("role", "alert");
  box.append(make("b", "This could not be loaded"), make("p", message));
  if (id) box.append(requestLine(id));
  box.append(retryButton("button small", retry));
  return box;
}

/** Where the box goes: what is shown of the same action stays below it. @param {Element} target @param {string} url */
function placeIn(target, url) {
  const panel = target.querySelector("#panel");
  const isSame = panel && new URL(url, location.href).pathname.endsWith(`/actions/${panel.dataset.name}`);
  return isSame ? panel.querySelector(".panel-body") : target;
}

/** @param {import("../../../types/page.d.ts").HtmxRequest} ctx @param {string} message */
function fail(ctx, message) {
  const { sourceElement: source, target } = ctx;
  if (ctx.request.method !== "GET" || !(target instanceof Element) || !target.isConnected) return;
  const { swap } = ctx;
  const url = ctx.request.action;
  ctx.swap = "none";
  const place = placeIn(target, url);
  const old = place.querySelector(":scope > [data-failed]");
  // A part that polls fails again and again: that is shown once.
  if (old?.dataset.message === message) return;
  const id = ctx.response?.headers.get("x-request-id") ?? "";
  const retry = () => window.htmx.ajax("GET", url, { source: source.isConnected ? source : target, target, swap });
  const box = makeBox(message, id, retry);
  box.dataset.message = message;
  old?.remove();
  if (place === target) target.replaceChildren(box);
  else place.prepend(box);
}

document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => fail(ctx, messageOf(ctx.text)));
document.addEventListener("htmx:error", ({ detail: { ctx } }) => ctx && !ctx.response && fail(ctx, SILENT));
