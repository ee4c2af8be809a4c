// What outlives a page: the address says which action, tab and filter it shows, so that a link or a reload shows them again;
// cookies say how this browser wants its pages, so that the server draws them so from the first paint.

const YEAR_SECONDS = 31_536_000;

/** Change the query of the address, without a step in the history.
 * @param {Record<string, string | string[]>} fields what is empty goes; what is not named stays */
export function setQuery(fields) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(fields)) {
    query.delete(name);
    for (const one of [value].flat()) if (one) query.append(name, one);
  }
  history.replaceState(history.state, "", query.size ? `?${query}` : location.pathname);
}

/** @param {string} name @param {string | number} value */
export function setCookie(name, value) {
  document.cookie = `${name}=${value}; path=/; max-age=${YEAR_SECONDS}; samesite=lax`;
}

/** @param {string} name */
export function deleteCookie(name) {
  document.cookie = `${name}=; path=/; max-age=0; samesite=lax`;
}
