"""What somebody does on the way to something: clicks and taps, keys, and texts that are typed, each of which counts once.

So a walk is held to what it costs a person; how fast the machine is does not matter.
"""

from __future__ import annotations

from playwright.sync_api import Page, Request

# Only what comes from the outside counts, and what a program does not: isTrusted. A text is one step for each field in a row.
COUNT = """(() => {
  const MODIFIERS = ["Shift", "Control", "Alt", "Meta"];
  let field;
  const name = (one) => one.ariaLabel || one.name || one.innerText?.trim().slice(0, 40) || one.localName;
  const step = (what, typedIn) => { field = typedIn; window.countStep(what); };
  const isText = (one) => one.matches?.("textarea, input:not([type=checkbox], [type=radio], [type=submit])");
  addEventListener("pointerdown", (event) => event.isTrusted && step(`click ${name(event.target)}`), true);
  addEventListener("keydown", (event) => {
    if (!event.isTrusted || event.repeat || MODIFIERS.includes(event.key)) return;
    const isTyped = event.key.length === 1 && !event.ctrlKey && !event.metaKey && isText(event.target);
    if (!isTyped) step(`key ${event.key}`);
  }, true);
  addEventListener("input", (event) => {
    if (event.isTrusted && isText(event.target) && event.target !== field) step(`text in ${name(event.target)}`, event.target);
  }, true);
})()"""
ASKED = {"document", "fetch", "xhr"}
BY_ITSELF = ("/minimap", "/state")  # what a page asks now and then, whatever its reader does


class Steps:
    """The steps on a page from now on, over all addresses to which it goes; requests: what was asked of the server meanwhile."""

    def __init__(self, page: Page) -> None:
        self.taken: list[str] = []
        self.requests: list[str] = []
        page.expose_function("countStep", self._took)
        page.add_init_script(COUNT)
        page.on("request", self._asked)

    def _took(self, step: str) -> None:
        self.taken.append(step)

    def _asked(self, request: Request) -> None:
        if request.resource_type in ASKED and not request.url.endswith(BY_ITSELF):
            self.requests.append(f"{request.method} {request.url}")

    def begin(self) -> None:
        """What came before does not count."""
        self.taken.clear()
        self.requests.clear()

    def expect_at_most(self, steps: int, requests: int) -> None:
        """It took some, and no more: else the walk went another way than a reader goes."""
        assert 0 < len(self.taken) <= steps, self.taken
        assert len(self.requests) <= requests, self.requests
