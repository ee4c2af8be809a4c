// Jumping to an action whose row may not be loaded: the next failure, the target of a link, or the action for which the page
// was opened. The server finds it, opens the branches that hide it, and moves the window there.

export class Jump {
  /** @param {(message: object) => boolean} ask */
  constructor(ask) {
    this.ask = ask;
    this.opening = ""; // the action for which the page was opened, until the server has answered
    this.url = ""; // of the link that was followed last: where to go when its action is not in the tree
    /** @type {object | undefined} what was asked without a connection */
    this.unsent = undefined;
  }

  /** Go to the next failure, or the one before. @param {string} name where from @param {boolean} back */
  toFailure(name, back) {
    this.begin("");
    const message = { kind: "seek", name, back };
    if (!this.ask(message)) this.unsent = message;
  }

  /** Go to the action of a link; false when the socket is not open. @param {HTMLAnchorElement} link */
  toLink(link) {
    const isAsked = this.ask({ kind: "seek", to: link.dataset.select });
    this.begin(isAsked ? link.href : "");
    return isAsked;
  }

  /** @param {string} url */
  begin(url) {
    this.opening = "";
    this.url = url;
  }

  /** Go to the action that the page was opened for, as soon as a connection leads there. @param {string} name */
  openAt(name) {
    this.opening = name;
  }

  /** The reader went elsewhere. @param {string} name */
  chosen(name) {
    if (name !== this.opening) this.opening = "";
  }

  /** What follows the hello: asked while there was no connection, or not answered yet. */
  takePending() {
    const message = this.unsent ?? (this.opening ? { kind: "seek", to: this.opening } : undefined);
    this.unsent = undefined;
    return message;
  }

  /** After a frame: how the jump ended, if it did: at an action, at another page, or (neither) nowhere.
   * @param {string | undefined} sought the action that the server found, "": none, undefined: no answer
   * @returns {{name?: string, isOpening?: boolean, url?: string} | undefined} */
  end(sought) {
    if (sought === undefined) return undefined;
    const isOpening = Boolean(this.opening);
    this.opening = "";
    if (sought) return { name: sought, isOpening };
    if (isOpening) return undefined; // a filter hides it
    return { url: this.url };
  }
}
