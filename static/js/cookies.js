// What a browser remembers of how it wants the pages: the server reads it, so that the first paint is right already.

const YEAR_SECONDS = 31_536_000;

/** @param {string} name @param {string | number} value */
export function keep(name, value) {
  document.cookie = `${name}=${value}; path=/; max-age=${YEAR_SECONDS}; samesite=lax`;
}

/** @param {string} name */
export function forget(name) {
  document.cookie = `${name}=; path=/; max-age=0; samesite=lax`;
}
