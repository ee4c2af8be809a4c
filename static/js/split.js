// <split-pane>: the border between the tree and the panel, dragged or moved with the arrow keys. The server draws what was chosen last.

const MIN_PX = 300;
const MOST_OF_WINDOW = 0.65;
const STEP_PX = 24;
const YEAR_SECONDS = 31_536_000;

const max = () => Math.max(MIN_PX, Math.round(innerWidth * MOST_OF_WINDOW));

export class SplitPane extends HTMLElement {
  connectedCallback() {
    this.addEventListener("pointerdown", (event) => this.drag(event));
    this.addEventListener("keydown", (event) => this.press(event));
    this.addEventListener("dblclick", () => this.reset());
    addEventListener("resize", this.tell);
    this.observer = new ResizeObserver(this.tell);
    this.observer.observe(document.getElementById("inspector"));
  }

  disconnectedCallback() {
    removeEventListener("resize", this.tell);
    this.observer.disconnect();
  }

  get width() {
    return Math.round(document.getElementById("inspector").getBoundingClientRect().width);
  }

  /** @param {number} width @param {boolean} [isKept] */
  set(width, isKept = true) {
    const px = Math.min(Math.max(Math.round(width), MIN_PX), max());
    document.documentElement.style.setProperty("--inspector-px", `${px}px`);
    if (isKept) document.cookie = `inspector=${px}; path=/; max-age=${YEAR_SECONDS}; samesite=lax`;
  }

  reset() {
    // "initial" hides what the server's sheet says, until the next page has none.
    document.documentElement.style.setProperty("--inspector-px", "initial");
    document.cookie = "inspector=; path=/; max-age=0; samesite=lax";
  }

  tell = () => {
    this.ariaValueMin = String(MIN_PX);
    this.ariaValueMax = String(max());
    this.ariaValueNow = String(this.width);
  };

  /** @param {PointerEvent} event */
  drag(event) {
    if (event.button !== 0) return;
    const [from, width] = [event.clientX, this.width];
    const move = (/** @type {PointerEvent} */ at) => this.set(width + from - at.clientX, false);
    this.setPointerCapture(event.pointerId);
    this.addEventListener("pointermove", move);
    this.addEventListener("lostpointercapture", () => {
      this.removeEventListener("pointermove", move);
      if (this.width !== width) this.set(this.width);
    }, { once: true });
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const next = { ArrowLeft: this.width + STEP_PX, ArrowRight: this.width - STEP_PX, Home: MIN_PX, End: max() }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    this.set(next);
  }
}

// On a small screen the panel is a sheet, which one button makes as high as the screen.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-tall-panel]");
  if (button) button.ariaPressed = String(document.getElementById("inspector").toggleAttribute("data-ui-tall"));
});
