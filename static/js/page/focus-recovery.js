// The focus is never lost: when its element goes away, is hidden or disabled, the nearest usable one around it gets it; the
// element itself where it is usable again by then, as a button that one frame disables and the next one enables.

/** From the element that had the focus last, up to the page. @type {HTMLElement[]} */
let chain = [];

/** The nearest id around what had the focus before a dialog or a popover: a frame may have replaced the element itself meanwhile. */
let before = "";

const OVER = "dialog, [popover], #toasts"; // what lies over the page
const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";

/** @param {HTMLElement} element */
function isUsable(element) {
  return element.isConnected && !element.matches(":disabled") && element.checkVisibility({ visibilityProperty: true });
}

/** The element itself where it can have the focus, else the first in it that Tab would reach. @param {HTMLElement} element */
function targetIn(element) {
  if (element.matches(FOCUSABLE)) return element;
  return [...element.querySelectorAll(FOCUSABLE)].find((one) => one.tabIndex >= 0 && isUsable(one));
}

function recover() {
  const [last, ...around] = chain;
  if (!last || document.activeElement !== document.body) return;
  const opener = chain.some((one) => one.matches(OVER)) && document.getElementById(before);
  for (const element of opener ? [opener, ...around] : chain) {
    const target = isUsable(element) && targetIn(element);
    if (target) return target.focus({ preventScroll: true });
  }
}

/** Whether a button of the pointer is down, or Tab is about to move the focus. */
let isMoving = false;

/** After what happens now, and what follows from it at once. */
function recoverSoon() {
  requestAnimationFrame(recover);
}

document.addEventListener("focusin", (event) => {
  chain = [];
  if (!event.target.closest(OVER)) before = event.target.closest("[id]")?.id ?? "";
  for (let at = /** @type {HTMLElement | null} */ (event.target); at && at !== document.body; at = at.parentElement) chain.push(at);
});
document.addEventListener("pointerdown", () => (isMoving = true), true);
for (const kind of ["pointerup", "pointercancel"]) document.addEventListener(kind, () => (isMoving = false), true);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Tab") return;
  isMoving = true;
  setTimeout(() => (isMoving = false)); // the focus has moved by then
}, true);
// A press beside everything and Tab out of the page take the focus away on purpose.
document.addEventListener("focusout", () => isMoving && (chain = []), true);
for (const kind of ["focusout", "htmx:after:swap", "htmx:ws:after:message:incoming", "abort-asked"]) document.addEventListener(kind, recoverSoon);
for (const kind of ["close", "toggle"]) document.addEventListener(kind, recoverSoon, true); // of dialogs, of popovers: neither bubbles
