// Numbers on which page and server must agree. The server writes them into the page's head, from runs/protocol/constants.py.
// Short, because there is little on which both must agree.

/** @type {{ reconnectCodes: number[], signedOut: number, forbidden: number, heartbeatSeconds: number, windowRows: number }} */
const constants = JSON.parse(/** @type {HTMLMetaElement} */ (document.querySelector("[name=page-constants]")).content);

export const RECONNECT_CODES = constants.reconnectCodes;
export const SIGNED_OUT = constants.signedOut;
export const FORBIDDEN = constants.forbidden;
export const HEARTBEAT_SECONDS = constants.heartbeatSeconds; // unless a frame names another
export const WINDOW_ROWS = constants.windowRows;
