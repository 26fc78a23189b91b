import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App';
import type { Token } from './link/token';
import type { Store } from './pool/store';

/** Shows the page in this element from now on. */
export function show(root: Element, token: Token['state'], store: Store | null): void {
  createRoot(root).render(
    <StrictMode>
      <App token={token} store={store} />
    </StrictMode>,
  );
}
