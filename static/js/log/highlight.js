// Highlights matches by the CSS Custom Highlight API: no element for each match.

const NAME = "log-match";
const MAX_MARKED = 2000; // lines

/** @param {Element[]} lines whose last child is text @param {string} text in lower case */
export function paint(lines, text) {
  if (!window.CSS?.highlights) return;
  CSS.highlights.set(NAME, new Highlight(...lines.slice(0, MAX_MARKED).flatMap((line) => [...ranges(line.lastChild.firstChild, text)])));
}

export function unpaint() {
  window.CSS?.highlights?.delete(NAME);
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
