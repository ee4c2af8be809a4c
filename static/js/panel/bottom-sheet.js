// <sheet-handle>: on a small screen the panel is a bottom sheet. Its handle is dragged, tapped, or moved with the keys; far
// enough down, the sheet closes.

const STOPS = [45, 72, 100]; // hundredths of the screen's height; css/panel/bottom-sheet.css bounds the last
const [LOW, MIDDLE, TALL] = STOPS; // css/panel/bottom-sheet.css opens it at MIDDLE
const CLOSES_BELOW = 30;
const TAP_PX = 6;

const pane = () => document.getElementById("panel-pane");

/** @param {number} height in hundredths of the screen */
const draw = (height) => pane().style.setProperty("--sheet-height", `${height}dvh`);

/** The height that is drawn, in hundredths of the screen. */
const drawn = () => Number.parseFloat(pane().style.getPropertyValue("--sheet-height")) || MIDDLE;

/** @param {number} height one of the stops */
function choose(height) {
  draw(height);
  updateAria();
}

function updateAria() {
  pane().querySelector("sheet-handle")?.setAttribute("aria-valuenow", String(drawn()));
  pane().querySelector("[data-tall-panel]")?.setAttribute("aria-pressed", String(drawn() === TALL));
}

const toggle = () => choose(drawn() === TALL ? MIDDLE : TALL);

/** The next panel opens at the middle stop. */
function close() {
  document.querySelector("run-tree").close();
  choose(MIDDLE);
}

/** To the next stop; below the lowest, close. @param {1 | -1} way */
function step(way) {
  const next = STOPS[STOPS.indexOf(drawn()) + way];
  if (next) choose(next);
  else if (way < 0) close();
}

/** To the stop nearest to where it was let go. @param {number} height */
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
    updateAria();
  }

  /** @param {PointerEvent} event */
  pointerdown(event) {
    if (event.button !== 0) return;
    this.setPointerCapture(event.pointerId);
    this.grip = { y: event.clientY, height: pane().getBoundingClientRect().height, stop: drawn() };
    pane().toggleAttribute("data-ui-dragged", true);
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
    pane().toggleAttribute("data-ui-dragged", false);
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
