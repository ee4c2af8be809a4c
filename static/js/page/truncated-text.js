// Text that is cut off is shown whole as a title, while the pointer is over it. No element owns this, so it stands alone.

const MAY_BE_CUT = ".row > .status, .row > .took, .name > .label, .name > .inputs, .name > code, .crumbs [aria-current], .scope-name";
// In the table of runs the link covers the row, so its title has the text of the cells.
const CELLS = ".status, .who, .label, .inputs, code";

/** @param {Iterable<Element>} elements @returns the text of those that are cut off */
function cutIn(elements) {
  const cut = [...elements].filter((element) => element.scrollWidth > element.clientWidth);
  return cut.map((element) => element.textContent.trim()).join("\n");
}

document.addEventListener("pointerover", ({ target }) => {
  const link = target.closest(".run-table tbody th a");
  const found = /** @type {HTMLElement | null} */ (link ?? target.closest(MAY_BE_CUT));
  if (!found) return;
  const text = cutIn(link ? link.closest("tr").querySelectorAll(CELLS) : [found]);
  if (text) found.title = text;
  else found.removeAttribute("title");
});
