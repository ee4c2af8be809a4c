// The code of a task: the page opens where the task begins. Without a script, a link leads there.
// Short, because it is all that the page of the code needs.

const here = /** @type {HTMLAnchorElement | null} */ (document.querySelector(".code-head [data-here]"));
if (here && !location.hash) location.replace(here.hash);
