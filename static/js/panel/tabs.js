// The tabs of the panel, as the ARIA pattern has them: arrows move, Enter and space open. They are links without this.
// Where there is no room for all, they scroll; an edge behind which there are more is marked, and scrolls there when clicked.

const EDGE_PX = 36; // as css/panel/tabs.css has it

/** @param {Element} list */
const tabsOf = (list) => [...list.querySelectorAll("[role=tab]")];

document.addEventListener("keydown", (event) => {
  const tab = event.target.closest?.("[role=tab]");
  if (!tab || event.altKey || event.ctrlKey || event.metaKey) return;
  const tabs = tabsOf(tab.closest("[role=tablist]"));
  const at = tabs.indexOf(tab);
  const next = { ArrowRight: at + 1, ArrowLeft: at - 1 + tabs.length, Home: 0, End: tabs.length - 1 }[event.key];
  if (event.key === " ") tab.click();
  else if (next === undefined) return;
  else tabs[next % tabs.length].focus();
  event.preventDefault();
});

/** Mark the edges behind which there are more tabs. @param {HTMLElement} list */
function markEdges(list) {
  const left = list.scrollLeft > 1;
  const right = list.scrollLeft + list.clientWidth < list.scrollWidth - 1;
  const more = [left && "before", right && "after"].filter(Boolean).join(" ");
  if (list.dataset.uiMore !== more) list.dataset.uiMore = more;
}

/** Scroll the tabs, and nothing else, until no edge covers the shown one. @param {HTMLElement} list */
function reveal(list) {
  const tab = tabsOf(list).find((one) => one.ariaSelected === "true");
  if (!tab) return;
  const [start, end] = [tab.offsetLeft - EDGE_PX, tab.offsetLeft + tab.offsetWidth + EDGE_PX];
  list.scrollLeft = Math.max(Math.min(list.scrollLeft, start), end - list.clientWidth);
  markEdges(list);
}

const observer = new ResizeObserver(([{ target }]) => reveal(/** @type {HTMLElement} */ (target)));
/** @type {HTMLElement | undefined} */
let watched;

/** @param {HTMLElement} list */
function watch(list) {
  if (list === watched) return;
  observer.disconnect();
  watched = list;
  observer.observe(list); // which reveals at once
  list.addEventListener("scroll", () => markEdges(list), { passive: true });
  list.addEventListener("click", (event) => event.target === list && turn(list, event.clientX));
}

/** An edge was clicked. @param {HTMLElement} list @param {number} x */
function turn(list, x) {
  const { left, width } = list.getBoundingClientRect();
  list.scrollBy({ left: (x - left > width / 2 ? 1 : -1) * (width - 2 * EDGE_PX), behavior: "smooth" });
}

// A morph leaves tabindex and aria-selected to the browser (base.html), so they are set here after each swap.
function show() {
  const panel = document.getElementById("panel");
  if (!panel) return;
  const list = panel.querySelector("[role=tablist]");
  const shown = panel.querySelector(`[id="tab-${panel.dataset.tab}"]`);
  const isNew = shown?.ariaSelected !== "true";
  for (const tab of tabsOf(list)) {
    tab.setAttribute("aria-selected", String(tab === shown));
    tab.tabIndex = tab === shown ? 0 : -1;
  }
  if (isNew) panel.closest(".panel-pane").scrollTop = 0;
  if (isNew) reveal(list);
  watch(list);
}

document.addEventListener("htmx:after:swap", show);
show();
