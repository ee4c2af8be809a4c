// <secret-dialog>: deleting a secret. Without it, the link that asks for it leads to the same form as a page.

import { AskingDialog } from "./asking-dialog.js";

export class SecretDialog extends AskingDialog {
  connectedCallback() {
    super.connectedCallback();
    document.addEventListener("click", (event) => {
      /** @type {HTMLAnchorElement | null} */
      const link = event.target.closest("a[data-delete-secret]");
      if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      this.dataset.url = link.getAttribute("href");
      this.secret = link.closest("tr").querySelector("code").textContent;
      this.open({});
    });
  }

  waitsFor = "Loading…";

  /** @override */
  titleFor() {
    return `Delete the secret ${this.secret}?`;
  }

  /** @override */
  done() {
    location.reload();
  }
}
