// <keys-sheet>: the dialog that lists the keys, and the switch that turns those of the page off.

const STORED = "flyteui.keys";

export class KeysSheet extends HTMLElement {
  connectedCallback() {
    this.dialog = this.querySelector("dialog");
    /** @type {HTMLInputElement} */
    this.switch = this.querySelector("[data-switch]");
    this.switch.checked = localStorage.getItem(STORED) !== "off";
    this.switch.addEventListener("change", () => localStorage.setItem(STORED, this.switch.checked ? "on" : "off"));
    document.addEventListener("click", (event) => event.target.closest("[data-keys]") && this.open());
    this.addEventListener("click", (event) => {
      if (event.target === this.dialog || event.target.closest("[data-close]")) this.dialog.close();
    });
  }

  /** Whether keys of the page mean anything. */
  get isOn() {
    return this.switch.checked;
  }

  open() {
    if (!this.dialog.open) this.dialog.showModal();
  }
}
