// Names the elements. Each works alone; the page can be read without any.

import { AbortDialog } from "./abort.js";
import { showFavicon } from "./announce.js";
import "./ask.js";
import { LiveClock } from "./clock.js";
import { ConnectionStatus } from "./connection.js";
import { CopyButton, RelativeTime, ScopeMenu, ThemeToggle } from "./controls.js";
import { RunFilter } from "./filter.js";
import { LogView } from "./inspector.js";
import "./live.js";
import { RunList } from "./runs.js";
import { KeysSheet } from "./sheet.js";
import "./shortcuts.js";
import "./signal.js";
import { RunTree } from "./tree.js";

customElements.define("relative-time", RelativeTime);
customElements.define("live-clock", LiveClock);
customElements.define("connection-status", ConnectionStatus);
customElements.define("run-filter", RunFilter);
customElements.define("keys-sheet", KeysSheet);
customElements.define("run-tree", RunTree);
customElements.define("run-list", RunList);
customElements.define("abort-dialog", AbortDialog);
customElements.define("log-view", LogView);
customElements.define("copy-button", CopyButton);
customElements.define("theme-toggle", ThemeToggle);
customElements.define("scope-menu", ScopeMenu);
showFavicon();
