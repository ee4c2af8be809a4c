// Names the elements. Each works alone; the page can be read without any.

import { AbortDialog } from "./abort.js";
import { showFavicon } from "./announce.js";
import { AnswerDialog } from "./answer.js";
import "./ask.js";
import { TimeAxis } from "./axis.js";
import { LiveClock } from "./clock.js";
import { CopyButton, RelativeTime, ScopeMenu, ThemeToggle } from "./controls.js";
import { TimeCursor } from "./cursor.js";
import { RunFilter } from "./filter.js";
import "./focus.js";
import { LogView } from "./inspector.js";
import "./listkeys.js";
import { ConnectionStatus } from "./live.js";
import { RunMap } from "./minimap.js";
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
customElements.define("time-axis", TimeAxis);
customElements.define("time-cursor", TimeCursor);
customElements.define("run-map", RunMap);
customElements.define("run-list", RunList);
customElements.define("abort-dialog", AbortDialog);
customElements.define("answer-dialog", AnswerDialog);
customElements.define("log-view", LogView);
customElements.define("copy-button", CopyButton);
customElements.define("theme-toggle", ThemeToggle);
customElements.define("scope-menu", ScopeMenu);
showFavicon();
