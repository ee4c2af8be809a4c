// Which branches are open: so many levels, but for those that were toggled since.

import { announce } from "../page/announcer.js";

export class Expansion {
  /** @param {(message: object) => boolean} ask */
  constructor(ask) {
    this.ask = ask;
    this.depth = 0; // all
    /** @type {Set<string>} names of actions whose branch is not as the depth has it */
    this.exceptions = new Set();
  }

  /** As the server knows it. */
  get shape() {
    return { depth: this.depth, toggled: [...this.exceptions] };
  }

  /** Open a branch, or close it. @param {string} name of its action */
  toggle(name) {
    this.ask({ kind: "toggle", name });
    this.toggled([name]);
  }

  /** The server knows already: it opened these by itself. @param {string[]} names */
  toggled(names) {
    for (const name of names) if (!this.exceptions.delete(name)) this.exceptions.add(name);
  }

  /** Open so many levels, 0: all. @param {number} depth @param {string} around the action that stays in view, or "" */
  open(depth, around) {
    this.ask({ kind: "levels", depth, around });
    this.depth = depth;
    this.exceptions.clear();
    announce(depth ? `${depth} ${depth > 1 ? "levels" : "level"} shown` : "All levels shown");
  }
}
