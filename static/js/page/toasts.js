// Toasts: messages over the page, which go by themselves or stay until they are closed.
// Short, because every part of the page shows them and owns none.

const TOAST_MS = 6000;

/** @param {string} html that the server rendered @param {boolean} stays until it is closed @returns {HTMLElement} */
export function toast(html, stays = false) {
  const box = document.createElement("div");
  box.className = "toast";
  box.innerHTML = `<div>${html}</div>`;
  if (stays) box.append(closeButton(box));
  else goSoon(box);
  document.getElementById("toasts").append(box);
  return box;
}

/** Not while somebody is about to use it. @param {HTMLElement} box */
export function goSoon(box) {
  setTimeout(() => (box.matches(":hover, :focus-within, :has(form)") ? goSoon(box) : box.remove()), TOAST_MS);
}

/** @param {HTMLElement} box */
function closeButton(box) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "icon-button";
  button.setAttribute("aria-label", "Close the message");
  button.innerHTML = '<svg class="icon" aria-hidden="true"><use href="#i-close"></use></svg>';
  button.addEventListener("click", () => box.remove());
  return button;
}
