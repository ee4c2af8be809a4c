// <watch-run>: the button that watches the run of the page.

import { announce } from "../page/announcer.js";
import { isWatched, unwatch, watch } from "./watched.js";

const WHAT = "Tell me when this run ends, fails or needs an answer";

export class WatchRun extends HTMLElement {
  connectedCallback() {
    if (this.firstElementChild) return;
    this.innerHTML = `<button type="button" class="button"><svg class="icon" aria-hidden="true"><use href="#i-watch"></use></svg><span></span></button>`;
    this.button = this.querySelector("button");
    this.button.title = WHAT;
    this.button.addEventListener("click", () => this.toggle());
    document.addEventListener("watched-changed", () => this.show());
    this.show();
  }

  get run() {
    return this.dataset.run ?? "";
  }

  show() {
    const isOn = isWatched(this.run);
    this.button.ariaPressed = String(isOn);
    this.button.querySelector("span").textContent = isOn ? "Watching" : "Watch";
  }

  async toggle() {
    if (isWatched(this.run)) {
      unwatch(this.run);
      return announce("Not watched any more");
    }
    if (!watch(this.run, document.getElementById("run-summary").dataset.status)) return announce("Too many runs are watched: stop watching one");
    const may = "Notification" in window ? await Notification.requestPermission() : "denied";
    announce(may === "granted" ? `Watched. ${WHAT.replace("Tell me", "A notification says")}` : "Watched. This browser shows no notifications of this site: its tabs say it");
  }
}
