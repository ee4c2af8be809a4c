// The log as wide as the page: the panel lies over the tree, which keeps its place. G or the button, and back; Esc goes back, too.

const panes = () => document.querySelector(".panes");
const pane = () => document.getElementById("panel-pane");

/** Whether a log would be shown so. */
export const isWide = () => Boolean(panes()?.hasAttribute("data-ui-wide"));

/** @param {boolean} isOn */
export function setWide(isOn) {
  panes().toggleAttribute("data-ui-wide", isOn);
  const log = document.querySelector("log-view");
  log?.querySelector("[data-wide]").setAttribute("aria-pressed", String(isOn));
  if (isOn && !pane().contains(document.activeElement)) log?.box.focus();
}

/** Where the panel shows another part of the action, its log comes first. */
export function toggleWide() {
  if (pane().hidden) return;
  if (document.querySelector("log-view")) return setWide(!isWide());
  const tab = document.getElementById("tab-logs");
  if (!tab) return;
  setWide(true);
  tab.click();
}

document.addEventListener("click", (event) => event.target.closest("[data-wide]") && toggleWide());
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || !isWide() || !document.querySelector("log-view") || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  setWide(false);
});
