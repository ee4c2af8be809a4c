// The code of a task opens where the task begins: on a page of its own, where a link leads there without a script, and in its tab.

const MARGIN_PX = 48; // a few lines before it

const here = /** @type {HTMLAnchorElement | null} */ (document.querySelector(".code-head [data-here]"));
if (here && !location.hash) location.replace(here.hash);

// <task-code>: a file in the panel. A refresh of the panel leaves it, and so its reader, where it is.
export class TaskCode extends HTMLElement {
  connectedCallback() {
    const first = this.querySelector("[data-begins]");
    if (first) this.scrollTop += first.getBoundingClientRect().top - this.getBoundingClientRect().top - MARGIN_PX;
  }
}
