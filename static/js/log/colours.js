// Colours of lines beyond the 16 of a terminal. The policy of the page refuses styles in HTML, so the server writes the colour
// into an attribute; css/log/colours.css makes it legible in both themes.

const PROPERTIES = { fg: "--fg", bg: "--bg" };

/** @param {ParentNode} lines */
export function paintColours(lines) {
  for (const [name, property] of Object.entries(PROPERTIES)) {
    for (const part of lines.querySelectorAll(`b[data-${name}^="#"]`)) part.style.setProperty(property, part.dataset[name]);
  }
}
