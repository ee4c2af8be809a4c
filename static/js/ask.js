// Asks the server to change something, and shows what it answers. The page changes only when the server says so.

import { toast } from "./announce.js";
import { errorBox, SILENT, UNKNOWN } from "./failed.js";

export const DONE = ["requested", "forced"];
const NOT_KNOWN = "The server did not answer, so it is not known whether this was done. The page shows what is true.";

/** @typedef {{ok: boolean, outcome: string, html: string, body: DocumentFragment}} Answer html: the sentence of it. What has failed
 * is ok: false without an outcome, and an error box. */

/** @param {string} url @param {FormData | Record<string, string>} fields @returns {Promise<Answer>} */
export async function post(url, fields) {
  /** @type {HTMLInputElement | null} */
  const token = document.querySelector("[name=csrfmiddlewaretoken]");
  const headers = { "HX-Request": "true", "X-CSRFToken": token?.value ?? "" };
  const body = new URLSearchParams(/** @type {Record<string, string>} */ (fields));
  return answered(fetch(url, { method: "POST", headers, body }), NOT_KNOWN);
}

/** @param {string} url @returns {Promise<Answer>} */
export async function get(url) {
  return answered(fetch(url, { headers: { "HX-Request": "true" } }), SILENT);
}

/** @param {Promise<Response>} asked @param {string} silence what it means when nothing comes @returns {Promise<Answer>} */
async function answered(asked, silence) {
  const template = document.createElement("template");
  let ok = false;
  let id = "";
  try {
    const response = await asked;
    ({ ok } = response);
    id = response.headers.get("x-request-id") ?? "";
    template.innerHTML = await response.text();
  } catch {
    template.content.replaceChildren(errorBox(silence, ""));
  }
  const outcome = template.content.querySelector("[data-outcome]")?.dataset.outcome ?? "";
  // A proxy's page is not for our dialogs.
  if (!ok && !outcome && !template.content.querySelector(".error-box")) template.content.replaceChildren(errorBox(UNKNOWN, id));
  const html = template.content.querySelector("p")?.innerHTML ?? template.innerHTML;
  return { ok, outcome, html, body: template.content };
}

/** What was not done stays on the page until it is closed. @param {Answer} answer */
export function tell(answer) {
  if (answer.html.trim()) toast(answer.html, !DONE.includes(answer.outcome));
}

// Forms that ask without a dialog: what is answered is told.
document.addEventListener("submit", async (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (!form.matches("[data-ask]")) return;
  event.preventDefault();
  /** @type {HTMLButtonElement} */
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  const answer = await post(form.getAttribute("action"), new FormData(form));
  button.disabled = false;
  tell(answer);
});
