// Highlights matches by the CSS Custom Highlight API: no element for each match.

const NAME = "log-match";
const MAX_MARKED = 2000; // lines

/** @param {Element[]} lines whose last child holds the text @param {string} text in lower case */
export function paint(lines, text) {
  if (!window.CSS?.highlights) return;
  CSS.highlights.set(NAME, new Highlight(...lines.slice(0, MAX_MARKED).flatMap((line) => [...ranges(line.lastElementChild, text)])));
}

export function unpaint() {
  window.CSS?.highlights?.delete(NAME);
}

/** Where a text is in an element, in any case; it may begin in one part of a colour and end in another. @param {Element} element @param {string} text */
function* ranges(element, text) {
  const whole = element.textContent;
  const within = whole.toLowerCase();
  if (!text || within.length !== whole.length) return; // lower case may be longer
  const point = pointIn(element);
  for (let at = within.indexOf(text); at >= 0; at = within.indexOf(text, at + text.length)) {
    const range = new Range();
    range.setStart(...point(at));
    range.setEnd(...point(at + text.length));
    yield range;
  }
}

/** A function from offsets in the text of an element, which only grow, to a text node and an offset in it. @param {Element} element */
function pointIn(element) {
  const nodes = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let node = nodes.nextNode();
  let before = 0;
  return (/** @type {number} */ offset) => {
    while (before + node.textContent.length < offset) {
      before += node.textContent.length;
      node = nodes.nextNode();
    }
    return /** @type {[Node, number]} */ ([node, offset - before]);
  };
}
