// "Add a reason", in the toast about an abort that has none. The server takes one, from whoever has aborted.

import { post } from "../page/requests.js";
import { rowOf } from "../tree/rows.js";

/** @param {string} tag @param {Record<string, unknown>} properties @returns {HTMLElement} */
const make = (tag, properties) => Object.assign(document.createElement(tag), properties);

/** @param {HTMLElement} box the toast @param {string} url @param {string} name of the action */
export function offerReason(box, url, name) {
  const offer = make("span", { textContent: " · " });
  const button = make("button", { type: "button", className: "add-reason", textContent: "add a reason" });
  offer.append(button);
  box.firstElementChild.append(offer);
  button.addEventListener("click", () => openForm(box, offer, url, name));
}

/** @param {HTMLElement} box @param {HTMLElement} offer @param {string} url @param {string} name */
function openForm(box, offer, url, name) {
  const form = /** @type {HTMLFormElement} */ (make("form", { className: "reason-form" }));
  const input = /** @type {HTMLInputElement} */ (make("input", { name: "reason", maxLength: 2000, required: true, autocomplete: "off", ariaLabel: "Reason", placeholder: "Why?" }));
  const error = make("p", { className: "form-error", role: "alert" });
  form.append(input, make("button", { type: "submit", className: "button small", textContent: "Add" }), error);
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    form.replaceWith(offer);
    offer.querySelector("button").focus();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const reason = input.value;
    const answer = await post(`${url}/reason`, { action: name, reason });
    if (!answer.ok) return (error.innerHTML = answer.html);
    box.firstElementChild.replaceChildren(`Reason added: ${reason}`);
    document.querySelector("run-tree").focusRow(rowOf(name || "a0"));
  });
  offer.replaceWith(form);
  input.focus();
}
