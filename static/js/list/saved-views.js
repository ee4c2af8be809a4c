// <saved-views>: filters of the list of runs that this browser keeps under names, for any project.

import { announce } from "../page/announcer.js";
import { queryOf } from "./run-list.js";

const STORED = "flyteui.views";
const MOST = 30;

/** @returns {Record<string, string>} queries, by name */
function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(STORED) ?? "{}");
    return found && typeof found === "object" && !Array.isArray(found) ? found : {};
  } catch {
    return {};
  }
}

/** @param {string} tag @param {object} fields */
const make = (tag, fields) => Object.assign(document.createElement(tag), fields);

export class SavedViews extends HTMLElement {
  connectedCallback() {
    this.hidden = false;
    this.menu = /** @type {HTMLElement} */ (this.querySelector(".views-menu"));
    this.details = this.querySelector("details");
    this.details.addEventListener("toggle", () => this.details.open && this.show());
    this.addEventListener("click", (event) => this.clicked(event));
    this.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
      else if (event.key === "Enter" && event.target.matches("input")) this.save(event);
    });
    // What is typed here is the name of a view, and no filter.
    this.addEventListener("input", (event) => event.stopPropagation());
    document.addEventListener("click", (event) => this.contains(/** @type {Node} */ (event.target)) || this.details.removeAttribute("open"));
  }

  show() {
    const views = Object.entries(kept());
    const lines = views.map(([name, query]) => {
      const line = make("div", { className: "view-line" });
      const forget = make("button", { type: "button", className: "icon-button", ariaLabel: `Forget the view ${name}`, textContent: "×" });
      forget.dataset.forget = name;
      line.append(make("a", { href: `${location.pathname}?${query}`, textContent: name }), forget);
      return line;
    });
    const empty = lines.length ? [] : [make("p", { className: "muted", textContent: "Keep a filter under a name, in this browser." })];
    const field = make("div", { className: "view-line" });
    field.append(
      make("input", { type: "text", maxLength: 60, placeholder: "Name of this view", ariaLabel: "Name of this view", autocomplete: "off" }),
      make("button", { type: "button", className: "button small", textContent: "Keep" }),
    );
    field.lastElementChild.setAttribute("data-keep", "");
    this.menu.replaceChildren(...empty, ...lines, field);
  }

  close() {
    this.details.removeAttribute("open");
    this.querySelector("summary").focus();
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const forget = event.target.closest("[data-forget]");
    if (forget) {
      const views = kept();
      delete views[forget.dataset.forget];
      this.keep(views);
      this.querySelector("input").focus();
    }
    if (event.target.closest("[data-keep]")) this.save(event);
  }

  /** @param {Event} event */
  save(event) {
    event.preventDefault();
    const input = this.querySelector("input");
    const name = input.value.trim();
    const views = kept();
    if (!name) return input.focus();
    if (!(name in views) && Object.keys(views).length >= MOST) return announce(`At most ${MOST} views are kept: forget one`);
    this.keep({ ...views, [name]: queryOf(/** @type {HTMLFormElement} */ (this.closest("form"))) });
    announce(`View ${name} kept`);
    this.close();
  }

  /** @param {Record<string, string>} views */
  keep(views) {
    localStorage.setItem(STORED, JSON.stringify(views));
    this.show();
  }
}
