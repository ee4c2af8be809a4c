// The box of a log that grows: it stays at its end until its reader leaves it, and loads what is before and behind its lines.
// What its lines are of, and where they come from, its elements say (log-view.js, run-log.js).

import { paintColours } from "./colours.js";
import { fold, toggle } from "./folds.js";

const NEAR_PX = 24;
const WRAP = "flyteui.log-wrap";
const UP_KEYS = ["PageUp", "ArrowUp"];

export class LogBox extends HTMLElement {
  /** The part of the log that the page holds. @type {import("./log-window.js").LogWindow} */
  window;

  /** The links to its lines. @type {import("./line-links.js").LineLinks} */
  links;

  connectedCallback() {
    this.box = this.querySelector(".log");
    this.jump = /** @type {HTMLButtonElement} */ (this.querySelector(".log-jump"));
    this.follows = true;
    this.unseen = 0;
    this.box.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.box.addEventListener("keydown", (event) => this.pressed(event));
    this.box.addEventListener("wheel", ({ deltaY }) => deltaY < 0 && this.leaveEnd(), { passive: true });
    this.jump.addEventListener("click", () => this.toEnd());
    this.addEventListener("click", (event) => this.clicked(event));
    this.wrap = this.querySelector("[data-wrap]");
    this.wrap.addEventListener("click", () => this.toggleWrap());
    this.toggleAttribute("data-ui-nowrap", localStorage.getItem(WRAP) === "off");
    this.sizes = new ResizeObserver(() => this.settle());
    this.sizes.observe(this.box);
    paintColours(this.box);
    fold(this.all);
  }

  disconnectedCallback() {
    this.sizes.disconnect();
  }

  /** What of the query of a request says which lines are wanted. @returns {Record<string, string>} */
  get wanted() {
    return {};
  }

  /** What the address of the page says when it leads to a line. @param {string} place @returns {Record<string, string>} */
  addressOf(place) {
    return { line: place };
  }

  /** Tell the server from where on lines are wanted, as they come. */
  tellPosition() {}

  /** Before a line is shown that was chosen. */
  beforeChoice() {}

  /** The place of the line that a reader has chosen. */
  get chosenPlace() {
    return "";
  }

  /** The lines that are loaded. */
  get all() {
    return /** @type {HTMLElement[]} */ ([...this.box.querySelectorAll(".line")]);
  }

  get isLive() {
    return "live" in this.dataset;
  }

  /** What is read stays where it is, whatever comes or goes above it: also at the top, where the browser does not care for that.
   * @param {() => void} change */
  keepPlace(change) {
    this.box.style.overflowAnchor = "none";
    const { top } = this.box.getBoundingClientRect();
    const line = this.follows ? undefined : this.all.find((one) => one.getBoundingClientRect().bottom > top);
    const before = line?.getBoundingClientRect().top;
    change();
    if (line?.isConnected) this.box.scrollTop += line.getBoundingClientRect().top - before;
    this.box.style.overflowAnchor = "";
  }

  scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.box;
    const below = scrollHeight - scrollTop - clientHeight;
    // A key scrolls in steps, and the first ones upwards are still near the end: to go back there would end its way.
    const isAtEnd = below < NEAR_PX && !this.window.hasMore && scrollTop > this.top;
    // Where the box has grown or shrunk since it was settled, nobody has scrolled away from the end: it moved.
    const isReaders = this.extent === this.settled;
    if (isAtEnd || (isReaders && scrollTop !== this.top)) this.follows = isAtEnd;
    this.top = scrollTop;
    if (this.follows) this.unseen = 0;
    if (isReaders) this.showWhere();
    else this.settle();
    if (scrollTop < clientHeight && !this.follows) this.window.earlier().then((came) => came && this.settle());
    else if (below < clientHeight) this.window.later().then((came) => came && this.settle());
  }

  /** At once: until the scroll event comes, the box may be resized and settle where it was. */
  leaveEnd() {
    if (this.box.scrollTop > 0) this.follows = false;
  }

  /** Home and End go at once, and End to the end of the log, not of the part that is loaded. @param {KeyboardEvent} event */
  pressed(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    if (UP_KEYS.includes(event.key)) this.leaveEnd();
    if (event.key !== "Home" && event.key !== "End") return;
    event.preventDefault();
    if (event.key === "End") this.toEnd();
    else this.toStart();
  }

  /** The first line that is loaded; those before it are loaded then. */
  toStart() {
    this.box.scrollTop = 0;
    this.scrolled();
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const head = event.target.closest(".fold");
    if (head) this.toggle(head);
    else if (event.target.closest("[data-earlier]")) this.window.earlier();
    else if (event.target.closest("[data-later]")) this.window.later();
    else if (event.target.closest("[data-link]")) this.links.choose(this.chosenPlace);
    else this.links.clicked(event);
  }

  /** What is read stays where it is. @param {HTMLElement} head of a fold */
  toggle(head) {
    this.follows = false;
    toggle(head);
    this.scrolled();
  }

  get extent() {
    return `${this.box.scrollHeight} ${this.box.clientHeight}`;
  }

  toggleWrap() {
    localStorage.setItem(WRAP, this.toggleAttribute("data-ui-nowrap") ? "off" : "on");
    this.settle();
  }

  async toEnd() {
    if (this.window.hasMore && !(await this.window.go())) return;
    this.follows = true;
    this.unseen = 0;
    this.settle();
    this.box.focus();
  }

  /** Stay at the end, or show how many lines came since. */
  settle() {
    if (this.follows) this.box.scrollTop = this.box.scrollHeight;
    this.settled = this.extent;
    this.top = this.box.scrollTop;
    this.showWhere();
  }

  showWhere() {
    this.wrap.setAttribute("aria-pressed", String(!this.hasAttribute("data-ui-nowrap")));
    this.jump.hidden = this.follows;
    this.jump.textContent = this.unseen ? `${this.unseen} new ${this.unseen > 1 ? "lines" : "line"} ↓` : "Jump to the end ↓";
  }
}
