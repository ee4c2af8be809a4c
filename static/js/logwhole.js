// What the server found in a whole log, those lines too that are not in the page: shown in place of its end.

import { paint } from "./highlight.js";

export class WholeLog {
  /** @param {import("./logs.js").LogView} view */
  constructor(view) {
    this.view = view;
  }

  get found() {
    return this.view.querySelector(".log-found");
  }

  /** @param {string} text @param {string} stream "" for all */
  async search(text, stream) {
    const { attempt, search } = this.view.dataset;
    const query = new URLSearchParams({ q: text, ...(stream && { stream }), ...(attempt !== "0" && { attempt }) });
    const found = document.createElement("div");
    found.className = "log log-found";
    found.id = "log-found";
    found.tabIndex = 0;
    this.view.box.before(found);
    this.view.toggleAttribute("data-ui-whole", true);
    await window.htmx.ajax("GET", `${search}?${query}`, { source: "#log-found", target: "#log-found", swap: "innerHTML" });
    paint([...found.querySelectorAll(".line")], text.toLowerCase());
    found.focus();
  }

  /** To the end of the log again. Returns whether the focus was in what goes away, or undefined when nothing was shown. */
  leave() {
    const { found } = this;
    if (!found) return undefined;
    const hadFocus = found.contains(document.activeElement);
    found.remove();
    this.view.toggleAttribute("data-ui-whole", false);
    return hadFocus;
  }
}
