// <keys-help>: the dialog that lists the keys, and the switch that turns off those of the page.

const STORED = "flyteui.keys";

export class KeysHelp extends HTMLElement {
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

  /** Whether the keys of the page work. */
  get isOn() {
    return this.switch.checked;
  }

  open() {
    if (!this.dialog.open) this.dialog.showModal();
  }
}
