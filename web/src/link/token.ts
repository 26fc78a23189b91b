// The token is the link's fragment. It leaves the address bar at once, so that nobody shares it by
// a screenshot, and stays for a reload in this tab's own storage.

const KEY = 'nitocris-token';
/** 128 bits in URL-safe Base64. */
const SHAPE = /^[A-Za-z0-9_-]{22}$/;

export type Token =
  | { readonly state: 'present'; readonly token: string }
  | { readonly state: 'missing' | 'malformed' };

/** Takes the token out of the address, or back out of the tab's storage after a reload. */
export function takeToken(
  place: Pick<Location, 'hash' | 'pathname' | 'search'>,
  past: Pick<History, 'replaceState'>,
  storage: Pick<Storage, 'getItem' | 'setItem'>,
): Token {
  const fragment = place.hash.slice(1);
  if (fragment === '') {
    const kept = storage.getItem(KEY);
    return kept ? { state: 'present', token: kept } : { state: 'missing' };
  }
  past.replaceState(null, '', place.pathname + place.search);
  if (!SHAPE.test(fragment)) return { state: 'malformed' };
  storage.setItem(KEY, fragment);
  return { state: 'present', token: fragment };
}
