// Forms that answer a condition, in the panel and in the dialog: [data-signal]. What is wrong with an answer is said in place.

import { post } from "./ask.js";

document.addEventListener("submit", async (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (!form.matches("[data-signal]")) return;
  event.preventDefault();
  const fields = new FormData(form, event.submitter);
  const buttons = form.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  form.ariaBusy = "true";
  const answer = await post(form.getAttribute("action"), fields);
  for (const button of buttons) button.disabled = false;
  form.ariaBusy = null;
  const input = form.querySelector("input[data-first]");
  input?.setAttribute("aria-invalid", String(!answer.ok));
  if (!answer.ok) input?.focus();
  form.querySelector(".form-error").innerHTML = answer.ok ? "" : answer.html;
  form.dispatchEvent(new CustomEvent(answer.ok ? "condition-answered" : "condition-refused", { bubbles: true }));
});
