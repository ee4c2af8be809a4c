// <sheet-handle>: on a small screen the panel is a sheet. This is dragged up and down, tapped, or moved with the keys; far enough down it closes.

const STOPS = [45, 72, 100]; // hundredths of the screen's height; the last as far as css/sheet.css lets it
const [LOW, MIDDLE, TALL] = STOPS; // without a choice MIDDLE, as it says too
const CLOSES_BELOW = 30;
const TAP_PX = 6;

const inspector = () => document.getElementById("inspector");

/** @param {number} height in hundredths of the screen */
const draw = (height) => inspector().style.setProperty("--sheet-height", `${height}dvh`);

/** What is drawn, in hundredths of the screen. */
const drawn = () => Number.parseFloat(inspector().style.getPropertyValue("--sheet-height")) || MIDDLE;

/** @param {number} height one of the stops */
function choose(height) {
  draw(height);
  tell();
}

function tell() {
  inspector().querySelector("sheet-handle")?.setAttribute("aria-valuenow", String(drawn()));
  inspector().querySelector("[data-tall-panel]")?.setAttribute("aria-pressed", String(drawn() === TALL));
}

const toggle = () => choose(drawn() === TALL ? MIDDLE : TALL);

/** The next panel that opens is as high as the first was. */
function close() {
  document.querySelector("run-tree").close();
  choose(MIDDLE);
}

/** The next stop, or closed below the last. @param {1 | -1} way */
function step(way) {
  const next = STOPS[STOPS.indexOf(drawn()) + way];
  if (next) choose(next);
  else if (way < 0) close();
}

/** Where it was let go, the nearest stop. @param {number} height */
function settle(height) {
  if (height < CLOSES_BELOW) close();
  else choose(STOPS.reduce((best, stop) => (Math.abs(stop - height) < Math.abs(best - height) ? stop : best)));
}

/** @type {Record<string, () => void>} */
const KEYS = { ArrowUp: () => step(1), ArrowDown: () => step(-1), Home: () => choose(LOW), End: () => choose(TALL), Enter: toggle, " ": toggle };

export class SheetHandle extends HTMLElement {
  connectedCallback() {
    /** @type {{y: number, height: number, stop: number} | null} */
    this.grip = null;
    this.addEventListener("pointerdown", (event) => this.pointerdown(event));
    this.addEventListener("pointermove", (event) => this.pointermove(event));
    this.addEventListener("pointerup", (event) => this.pointerup(event));
    this.addEventListener("pointercancel", () => this.pointercancel());
    this.addEventListener("keydown", (event) => this.pressed(event));
    tell();
  }

  /** @param {PointerEvent} event */
  pointerdown(event) {
    if (event.button !== 0) return;
    this.setPointerCapture(event.pointerId);
    this.grip = { y: event.clientY, height: inspector().getBoundingClientRect().height, stop: drawn() };
    inspector().toggleAttribute("data-ui-dragged", true);
  }

  /** What the pointer asks for, in hundredths of the screen. @param {PointerEvent} event */
  heightAt(event) {
    return Math.min(((this.grip.height + this.grip.y - event.clientY) / innerHeight) * 100, TALL);
  }

  /** @param {PointerEvent} event */
  pointermove(event) {
    if (this.grip) draw(this.heightAt(event));
  }

  /** @param {PointerEvent} event */
  pointerup(event) {
    if (!this.grip) return;
    const [height, isTap] = [this.heightAt(event), Math.abs(event.clientY - this.grip.y) < TAP_PX];
    this.pointercancel();
    if (isTap) toggle();
    else settle(height);
  }

  pointercancel() {
    if (!this.grip) return;
    draw(this.grip.stop);
    this.grip = null;
    inspector().toggleAttribute("data-ui-dragged", false);
  }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    const meaning = KEYS[event.key];
    if (!meaning || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    meaning();
  }
}

document.addEventListener("click", (event) => event.target.closest("[data-tall-panel]") && toggle());
