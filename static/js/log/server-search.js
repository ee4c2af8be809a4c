// The search of a whole log by the server, lines that are not in the page included: what it finds is shown in place of the end
// of the log.

import { paintColours } from "./colours.js";
import { paint } from "./highlight.js";

export class ServerSearch {
  /** @param {import("./log-view.js").LogView} log */
  constructor(log) {
    this.log = log;
  }

  get found() {
    return this.log.querySelector(".log-found");
  }

  /** @param {string} text @param {string} stream "" for all */
  async search(text, stream) {
    const { attempt, log } = this.log.dataset;
    const query = new URLSearchParams({ q: text, ...(stream && { stream }), ...(attempt !== "0" && { attempt }) });
    const found = document.createElement("div");
    found.className = "log log-found";
    found.id = "log-found";
    found.tabIndex = 0;
    this.log.box.before(found);
    this.log.toggleAttribute("data-ui-whole", true);
    await window.htmx.ajax("GET", `${log}/search?${query}`, { source: "#log-found", target: "#log-found", swap: "innerHTML" });
    paintColours(found);
    paint([...found.querySelectorAll(".line")], text.toLowerCase());
    found.focus();
  }

  /** Show the end of the log again. Returns whether the focus was in what goes away, or undefined when nothing was shown. */
  leave() {
    const { found } = this;
    if (!found) return undefined;
    const hadFocus = found.contains(document.activeElement);
    found.remove();
    this.log.toggleAttribute("data-ui-whole", false);
    return hadFocus;
  }
}
