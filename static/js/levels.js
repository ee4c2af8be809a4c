// Which branches are open: so many levels, but for those that were toggled since.

import { say } from "./announce.js";
import { nameOf } from "./keys.js";
import { send } from "./live.js";

export class Levels {
  /** @param {import("./tree.js").RunTree} tree */
  constructor(tree) {
    this.tree = tree;
    this.depth = 0; // all
    this.toggled = new Set();
  }

  /** As the server knows them. */
  get shape() {
    return { depth: this.depth, toggled: [...this.toggled] };
  }

  /** Open a branch, or close it. @param {HTMLElement} row */
  toggle(row) {
    const name = nameOf(row);
    send(this.tree, { kind: "toggle", name }); // else the next hello says it
    this.tree.foot.reshape();
    if (!this.toggled.delete(name)) this.toggled.add(name);
  }

  /** Open so many levels, 0: all. @param {number} depth */
  open(depth) {
    send(this.tree, { kind: "levels", depth, around: this.tree.anchor.name }); // else the next hello says it
    this.tree.foot.reshape();
    this.depth = depth;
    this.toggled.clear();
    say(depth ? `${depth} ${depth > 1 ? "levels" : "level"} shown` : "All levels shown");
  }
}
