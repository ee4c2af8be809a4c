// What there is no room for can be read in a title, while the pointer is over it.

const MAY_BE_CUT = ".row > .status, .row > .took, .name > .label, .name > code, .crumbs [aria-current], .scope-name";
// In a table of runs the link covers the row, so it speaks for the cells.
const CELLS = ".status, .who, .label, code";

/** @param {Iterable<Element>} elements @returns the words of those that are cut */
function cutIn(elements) {
  const cut = [...elements].filter((element) => element.scrollWidth > element.clientWidth);
  return cut.map((element) => element.textContent.trim()).join("\n");
}

document.addEventListener("pointerover", ({ target }) => {
  const link = target.closest(".run-table tbody th a");
  const found = /** @type {HTMLElement | null} */ (link ?? target.closest(MAY_BE_CUT));
  if (!found) return;
  const words = cutIn(link ? link.closest("tr").querySelectorAll(CELLS) : [found]);
  if (words) found.title = words;
  else found.removeAttribute("title");
});
