// <delete-dialog>: deleting runs that have ended. It says first how much that is. data-then: the page to go to afterwards.

import { AskingDialog } from "./asking-dialog.js";

export class DeleteDialog extends AskingDialog {
  connectedCallback() {
    super.connectedCallback();
    document.addEventListener("click", (event) => {
      /** @type {HTMLElement | null} */
      const button = event.target.closest("[data-delete]");
      if (button) this.open({ names: button.dataset.delete });
    });
  }

  /** @override @param {import("../page/requests.js").Answer} answer */
  done(answer) {
    if (this.dataset.then) return location.assign(this.dataset.then);
    super.done(answer);
    this.dispatchEvent(new CustomEvent("runs-deleted", { bubbles: true }));
  }
}
