// Frames of libraries in tracebacks, folded: one line says how many there are, and opens them. The server says which lines begin
// such a frame; the code below belongs to it. Lines come in pieces, so a fold may grow at both ends.

const FRAME = /^[\s|]*File "/;
const REPEATED = /^[\s|]*\[Previous line repeated/;

/** @param {Element} line */
const textOf = (line) => line.lastElementChild.textContent;

/** Up to where bars and blanks go. @param {string} text */
const indentOf = (text) => /^[\s|]*/.exec(text)[0].length;

/** @param {Element | null} at @param {"nextElementSibling" | "previousElementSibling"} way */
function lineFrom(at, way) {
  while (at && !at.matches(".line")) at = at[way];
  return /** @type {HTMLElement | null} */ (at);
}

/** @param {Element} line */
const before = (line) => lineFrom(line.previousElementSibling, "previousElementSibling");
/** @param {Element} line */
const after = (line) => lineFrom(line.nextElementSibling, "nextElementSibling");

/** Fold these lines, which are neighbours, and what of a fold lies beside them. @param {HTMLElement[]} lines */
export function fold(lines) {
  if (!lines.length) return;
  const known = reach(lines[0], lines.at(-1));
  const isOpen = unfold(known);
  /** The frame to which the code below belongs. @type {{indent: number, stream?: string, isFolded: boolean} | undefined} */
  let frame;
  /** @type {HTMLElement[]} */
  let group = [];
  for (const line of known) {
    frame = frameAt(line, frame);
    if (frame?.isFolded) group.push(line);
    else group = close(group, isOpen);
  }
  close(group, isOpen);
}

/** Remove lines from an end of the log, with the folds that begin with them. @param {HTMLElement[]} lines */
export function removeLines(lines) {
  for (const line of lines) {
    if (line.previousElementSibling?.matches(".fold")) line.previousElementSibling.remove();
    line.remove();
  }
}

/** All lines that a fold with these lines may have. @param {HTMLElement} first @param {HTMLElement} last */
function reach(first, last) {
  while (before(first)?.dataset.uiFold) first = before(first);
  while (after(last) && (after(last).dataset.uiFold || indentOf(textOf(after(last))) > 1)) last = after(last);
  const found = [first];
  while (found.at(-1) !== last) found.push(after(found.at(-1)));
  return found;
}

/** Take the folds away. Returns whether one was open. @param {HTMLElement[]} lines */
function unfold(lines) {
  let isOpen = false;
  for (const line of lines) {
    const head = line.previousElementSibling;
    if (head?.matches(".fold")) {
      isOpen ||= head.ariaExpanded === "true";
      head.remove();
    }
    delete line.dataset.uiFold;
  }
  return isOpen;
}

/** The frame that a line begins or belongs to. @param {HTMLElement} line @param {{indent: number, stream?: string, isFolded: boolean} | undefined} frame */
function frameAt(line, frame) {
  const text = textOf(line);
  const { stream } = line.dataset;
  if (FRAME.test(text)) return { indent: indentOf(text), stream, isFolded: line.dataset.frame === "library" };
  if (!frame || stream !== frame.stream) return undefined;
  return indentOf(text) > frame.indent || REPEATED.test(text) ? frame : undefined;
}

/** @param {HTMLElement[]} group @param {boolean} isOpen @returns {HTMLElement[]} an empty group */
function close(group, isOpen) {
  if (!group.length) return group;
  const count = group.filter((line) => line.dataset.frame).length;
  const head = document.createElement("button");
  head.type = "button";
  head.className = "fold";
  head.textContent = `${count} library ${count > 1 ? "frames" : "frame"}`;
  group[0].before(head);
  for (const line of group) line.dataset.uiFold = "closed";
  toggle(head, isOpen);
  return [];
}

/** @param {Element} head */
function* within(head) {
  for (let line = head.nextElementSibling; /** @type {HTMLElement} */ (line)?.dataset.uiFold; line = line.nextElementSibling) yield /** @type {HTMLElement} */ (line);
}

/** Open a fold, or close it. @param {HTMLElement} head */
export function toggle(head, isOpen = head.ariaExpanded !== "true") {
  head.ariaExpanded = String(isOpen);
  for (const line of within(head)) line.dataset.uiFold = isOpen ? "open" : "closed";
}

/** Open the fold in which a line is hidden. @param {HTMLElement} line */
export function reveal(line) {
  if (line.dataset.uiFold !== "closed") return;
  let head = line.previousElementSibling;
  while (!head.matches(".fold")) head = head.previousElementSibling;
  toggle(/** @type {HTMLElement} */ (head), true);
}
