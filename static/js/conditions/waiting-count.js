// How many conditions wait for an answer, in the bar of each page. The server draws it; frames say when it changes.
// Short, because the server counts.

const MOST = 99;

/** @param {number} count */
export function showWaiting(count) {
  const badge = document.querySelector("[data-waiting]");
  if (!badge || badge.dataset.waiting === String(count)) return;
  badge.dataset.waiting = String(count);
  badge.textContent = count > MOST ? `${MOST}+` : String(count);
  badge.hidden = count === 0;
}
