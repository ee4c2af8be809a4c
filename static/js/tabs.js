// The tabs of the panel, as the ARIA pattern has them: arrows move, Enter and space open. They are links without this.

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

// A morph leaves tabindex and aria-selected to the browser (base.html), so the panel says which tab it shows.
document.addEventListener("htmx:after:swap", () => {
  const panel = document.getElementById("panel");
  if (!panel) return;
  for (const tab of tabsOf(panel)) {
    const isShown = tab.id === `tab-${panel.dataset.tab}`;
    if (isShown && tab.ariaSelected !== "true") {
      panel.closest(".inspector").scrollTop = 0;
      tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    tab.setAttribute("aria-selected", String(isShown));
    tab.tabIndex = isShown ? 0 : -1;
  }
});
