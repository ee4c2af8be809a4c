// Searching a log: lines that hold a text, one after the other or alone; those that are not loaded, by the server.

const TYPING_MS = 150;
const MAX_MARKED = 2000; // lines whose matches are painted

export class LogSearch {
  /** @param {import("./logs.js").LogView} view */
  constructor(view) {
    this.view = view;
    this.form = view.querySelector("form");
    this.input = view.querySelector("input");
    this.count = view.querySelector(".log-count");
    this.whole = view.querySelector("[data-whole]");
    this.only = view.querySelector("[data-only]");
    /** The lines that match, and which of them is shown. @type {HTMLElement[]} */
    this.hits = [];
    this.at = -1;
    this.timer = 0;
    view.addEventListener("input", (event) => event.target === this.input && this.typed());
    view.addEventListener("change", (event) => event.target.matches("select") && this.renew());
    view.addEventListener("click", (event) => this.clicked(event));
    view.addEventListener("keydown", (event) => this.pressed(event));
    this.form.addEventListener("submit", (event) => event.preventDefault());
  }

  get text() {
    return this.input.value.trim().toLowerCase();
  }

  get stream() {
    return this.view.querySelector("select").value;
  }

  typed() {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.renew(), TYPING_MS);
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const step = event.target.closest("[data-step]")?.dataset.step;
    if (step) this.go(Number(step));
    else if (event.target.closest("[data-only]")) this.toggleOnly();
    else if (event.target.closest("[data-whole]")) this.searchWhole();
    else if (event.target.closest("[data-back]")) this.back();
  }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    const isHere = event.target === this.input;
    if (isHere && event.key === "Enter") this.go(event.shiftKey ? -1 : 1);
    else if (isHere && event.key === "Escape" && this.input.value) this.clear();
    else if (!isHere && event.key === "/") this.input.select();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  clear() {
    this.input.value = "";
    this.renew();
  }

  toggleOnly() {
    this.only.setAttribute("aria-pressed", String(this.only.ariaPressed !== "true"));
    this.settle();
    this.view.settle();
  }

  /** What is searched for changed: the first match in view or below it is shown. */
  renew() {
    this.back();
    this.hits = this.view.all.filter((line) => this.mark(line));
    const top = this.view.box.getBoundingClientRect().top;
    const first = this.hits.findIndex((line) => line.offsetParent && line.getBoundingClientRect().top >= top);
    this.at = this.hits.length ? Math.max(first, 0) : -1;
    this.settle();
    if (this.at >= 0) this.show();
    else this.view.settle();
  }

  /** Whether a line matches, which it says itself too. @param {HTMLElement} line */
  mark(line) {
    const isOther = Boolean(this.stream) && !line.classList.contains(this.stream);
    const isHit = Boolean(this.text) && !isOther && line.lastChild.textContent.toLowerCase().includes(this.text);
    line.classList.toggle("other", isOther);
    line.classList.toggle("hit", isHit);
    return isHit;
  }

  /** @param {HTMLElement[]} lines that came */
  added(lines) {
    if (!this.text && !this.stream) return;
    this.hits.push(...lines.filter((line) => this.mark(line)));
    this.settle();
  }

  /** Some of the first lines went. */
  removed() {
    const left = this.hits.filter((line) => line.isConnected);
    this.at = Math.max(this.at - (this.hits.length - left.length), left.length ? 0 : -1);
    this.hits = left;
    this.settle();
  }

  /** @param {number} step */
  go(step) {
    if (!this.hits.length) return;
    this.at = (this.at + step + this.hits.length) % this.hits.length;
    this.settle();
    this.show();
  }

  show() {
    const line = this.hits[this.at];
    line.scrollIntoView({ block: "nearest" });
    this.view.scrolled();
  }

  settle() {
    this.count.textContent = this.text ? (this.hits.length ? `${this.at + 1} of ${this.hits.length}` : "No match") : "";
    this.view.toggleAttribute("data-ui-only", this.only.ariaPressed === "true" && Boolean(this.text));
    for (const button of this.view.querySelectorAll("[data-step]")) /** @type {HTMLButtonElement} */ (button).disabled = !this.hits.length;
    this.whole.hidden = !this.text || !("cut" in this.view.dataset);
    for (const line of this.view.querySelectorAll(".line.now")) line.classList.remove("now");
    this.hits[this.at]?.classList.add("now");
    this.paint(this.hits);
  }

  /** Colour what matches, without an element for each. @param {Element[]} lines */
  paint(lines) {
    if (!window.CSS?.highlights) return;
    const { text } = this;
    CSS.highlights.set("log-match", new Highlight(...lines.slice(0, MAX_MARKED).flatMap((line) => [...ranges(line.lastChild.firstChild, text)])));
  }

  /** The log goes away. */
  forget() {
    clearTimeout(this.timer);
    window.CSS?.highlights?.delete("log-match");
  }

  async searchWhole() {
    clearTimeout(this.timer);
    const query = new URLSearchParams({ q: this.input.value.trim(), ...(this.stream && { stream: this.stream }) });
    if (this.view.dataset.attempt !== "0") query.set("attempt", this.view.dataset.attempt);
    this.back();
    const found = document.createElement("div");
    found.className = "log log-found";
    found.id = "log-found";
    found.tabIndex = 0;
    this.view.box.before(found);
    this.view.toggleAttribute("data-ui-whole", true);
    await window.htmx.ajax("GET", `${this.view.dataset.search}?${query}`, { source: "#log-found", target: "#log-found", swap: "innerHTML" });
    this.paint([...found.querySelectorAll(".line")]);
    found.focus();
  }

  /** From what the server found to the end of the log. */
  back() {
    const found = this.view.querySelector(".log-found");
    if (!found) return;
    const hadFocus = found.contains(document.activeElement);
    found.remove();
    this.view.toggleAttribute("data-ui-whole", false);
    this.paint(this.hits);
    this.view.settle();
    if (hadFocus) this.input.focus();
  }
}

/** Where a text is in a text node, in any case. @param {Node | null} node @param {string} text */
function* ranges(node, text) {
  const within = node?.textContent.toLowerCase() ?? "";
  for (let at = text ? within.indexOf(text) : -1; at >= 0; at = within.indexOf(text, at + text.length)) {
    if (at + text.length > node.textContent.length) return; // lower case may be longer
    const range = new Range();
    range.setStart(node, at);
    range.setEnd(node, at + text.length);
    yield range;
  }
}
