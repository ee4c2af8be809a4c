// The chips over the list of runs: days and Mine set fields of the filter; phases say how many runs they have.

/** Days are those of the reader's time zone, which the filter then names. @param {string} value of since or until */
export const isWord = (value) => /^(today|yesterday)$/i.test(value.trim());

/** @param {HTMLFormElement} form @param {string} name @returns {HTMLInputElement} */
const field = (form, name) => form.querySelector(`[name=${name}]`);

/** Set the fields of the chip that was pressed, or clear them where it was on. @param {HTMLFormElement} form @param {MouseEvent | KeyboardEvent} event */
export function setSpan(form, event) {
  /** @type {HTMLElement | null} */
  const chip = event.target.closest(".span-pick");
  if (!chip || event.ctrlKey || event.metaKey || event.shiftKey) return false;
  event.preventDefault();
  const { from, to, who } = chip.dataset;
  const isOn = chip.ariaPressed === "true";
  if (who) field(form, "who").value = isOn ? "" : who;
  else {
    field(form, "since").value = isOn ? "" : from;
    field(form, "until").value = isOn ? "" : to;
    field(form, "tz").value = Intl.DateTimeFormat().resolvedOptions().timeZone;
  }
  return true;
}

/** Show which chips are on, as the fields are. @param {HTMLFormElement} form */
export function pressChips(form) {
  const value = (/** @type {string} */ name) => field(form, name).value.trim();
  for (const chip of form.querySelectorAll(".span-pick")) {
    const { from, to, who } = /** @type {HTMLElement} */ (chip).dataset;
    chip.ariaPressed = String(who ? value("who") === who : value("since") === from && value("until") === to);
  }
}

/** @param {HTMLFormElement} form @param {Record<string, number>} counts by phase */
export function showCounts(form, counts) {
  for (const chip of /** @type {NodeListOf<HTMLElement>} */ (form.querySelectorAll(".phase-pick[data-number]"))) {
    const number = counts[chip.dataset.phase] ?? 0;
    chip.dataset.number = String(number);
    chip.querySelector(".num").textContent = number.toLocaleString("en");
  }
}
