// Requests beside the socket: POSTs that change something, fragments for dialogs. The page shows a change only when the server
// has made it.

import { errorBox, SILENT, UNKNOWN } from "./error-box.js";
import { toast } from "./toasts.js";

export const DONE = ["requested", "forced"];
const NOT_KNOWN = "The server did not answer, so it is not known whether this was done. The page shows what is true.";

/** @typedef {{ok: boolean, outcome: string, html: string, body: DocumentFragment}} Answer html: its first paragraph. A request that
 * failed has ok: false, no outcome, and an error box as its body. */

/** @param {string} url @param {FormData | Record<string, string>} fields @returns {Promise<Answer>} */
export async function post(url, fields) {
  /** @type {HTMLInputElement | null} */
  const token = document.querySelector("[name=csrfmiddlewaretoken]");
  const headers = { "HX-Request": "true", "X-CSRFToken": token?.value ?? "" };
  const body = new URLSearchParams(/** @type {Record<string, string>} */ (fields));
  return answerOf(fetch(url, { method: "POST", headers, body }), NOT_KNOWN);
}

/** @param {string} url @returns {Promise<Answer>} */
export async function get(url) {
  return answerOf(fetch(url, { headers: { "HX-Request": "true" } }), SILENT);
}

/** @param {Promise<Response>} request @param {string} silence what it means when nothing comes @returns {Promise<Answer>} */
async function answerOf(request, silence) {
  const template = document.createElement("template");
  let ok = false;
  let id = "";
  try {
    const response = await request;
    ({ ok } = response);
    id = response.headers.get("x-request-id") ?? "";
    template.innerHTML = await response.text();
  } catch {
    template.content.replaceChildren(errorBox(silence, ""));
  }
  const outcome = template.content.querySelector("[data-outcome]")?.dataset.outcome ?? "";
  // The error page of a proxy does not fit into a dialog.
  if (!ok && !outcome && !template.content.querySelector(".error-box")) template.content.replaceChildren(errorBox(UNKNOWN, id));
  const html = template.content.querySelector("p")?.innerHTML ?? template.innerHTML;
  return { ok, outcome, html, body: template.content };
}

/** As a toast. One about something that was not done stays until it is closed. @param {Answer} answer */
export function showAnswer(answer) {
  if (answer.html.trim()) toast(answer.html, !DONE.includes(answer.outcome));
}

// Forms that need no dialog: their answer is shown as a toast.
document.addEventListener("submit", async (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (!form.matches("[data-ask]")) return;
  event.preventDefault();
  /** @type {HTMLButtonElement} */
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  const answer = await post(form.getAttribute("action"), new FormData(form));
  button.disabled = false;
  showAnswer(answer);
});
