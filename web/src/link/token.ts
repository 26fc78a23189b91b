// The token is the link's fragment. It leaves the address bar at once, so that nobody shares it by
// a screenshot, and stays for a reload in this tab's own storage.

/** Where the tokens of both pages stay, which may be open in one tab, one after the other. */
export const KEYS = { volunteer: 'nitocris-token', owner: 'nitocris-owner-token' } as const;
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
  key: string = KEYS.volunteer,
): Token {
  const fragment = place.hash.slice(1);
  if (fragment === '') {
    const kept = storage.getItem(key);
    return kept ? { state: 'present', token: kept } : { state: 'missing' };
  }
  past.replaceState(null, '', place.pathname + place.search);
  if (!SHAPE.test(fragment)) return { state: 'malformed' };
  storage.setItem(key, fragment);
  return { state: 'present', token: fragment };
}
