// Small controls that stand alone: <copy-button>, <theme-toggle>, <scope-menu>.

import { announce } from "./announcer.js";
import { setCookie } from "./persistence.js";

const COPIED_MS = 1500;

/** Copies data-text, or the text of the element whose id is data-from. */
export class CopyButton extends HTMLElement {
  connectedCallback() {
    if (this.firstElementChild) return;
    const button = document.createElement("button");
    button.type = "button";
    button.tabIndex = this.closest(".row") ? -1 : 0;
    button.setAttribute("aria-label", `Copy ${this.dataset.what ?? ""}`);
    button.title = `Copy ${this.dataset.what ?? ""}`;
    button.innerHTML = '<svg class="icon" aria-hidden="true"><use href="#i-copy"></use></svg>';
    button.addEventListener("click", () => this.copy());
    this.replaceChildren(button);
  }

  async copy() {
    const source = document.getElementById(this.dataset.from ?? "");
    await navigator.clipboard.writeText(this.dataset.text ?? source?.textContent ?? "");
    this.toggleAttribute("data-ui-copied", true);
    announce("Copied");
    setTimeout(() => this.toggleAttribute("data-ui-copied", false), COPIED_MS);
  }
}

export class ThemeToggle extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", () => {
      const root = document.documentElement;
      const isDark = getComputedStyle(root).colorScheme === "dark" || (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
      root.dataset.theme = isDark ? "light" : "dark";
      setCookie("theme", root.dataset.theme);
    });
  }
}

/** Menus of the breadcrumb, which close when something else is clicked. */
export class ScopeMenu extends HTMLElement {
  connectedCallback() {
    document.addEventListener("click", (event) => {
      if (!this.contains(/** @type {Node} */ (event.target))) this.shut();
    });
    this.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      this.querySelector("details[open] > summary")?.focus();
      this.shut();
    });
  }

  shut() {
    for (const menu of this.querySelectorAll("details")) menu.open = false;
  }
}
