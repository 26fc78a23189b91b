import { useEffect, useState, useSyncExternalStore } from 'react';
import type { Token } from './link/token';
import { createStore, type Store } from './pool/store';
import { strings } from './strings';

export function App({ token }: { readonly token: Token }) {
  if (token.state !== 'present') return <p role="alert">{strings.link.missing}</p>;
  return <Joined token={token.token} />;
}
let store: Store | undefined;
function theStore(token: string) {
  store ??= createStore(new Worker(new URL('./io.worker.ts', import.meta.url), { type: 'module' }), token, location.origin);
  return store;
}
function Joined({ token }: { readonly token: string }) {
  const [store] = useState(() => theStore(token));
  const snapshot = useSyncExternalStore(store.subscribe, store.snapshot);
  useEffect(() => { document.title = snapshot.activity.state; }, [snapshot]);
  return <>
    <button type="button" onClick={() => store.start(2)}>Start</button>
    <button type="button" onClick={() => store.stop()}>Stop</button>
    <pre>{JSON.stringify(snapshot, null, 1)}</pre>
  </>;
}
