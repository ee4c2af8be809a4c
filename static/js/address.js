// What the page's address says: the selected action and its tab, the filter. It changes without a step in the history.

/** @param {Record<string, string | string[]>} fields what is empty goes; what is not named stays */
export function remember(fields) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(fields)) {
    query.delete(name);
    for (const one of [value].flat()) if (one) query.append(name, one);
  }
  history.replaceState(history.state, "", query.size ? `?${query}` : location.pathname);
}
