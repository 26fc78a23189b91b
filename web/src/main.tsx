import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App';
import { takeToken } from './link/token';
import { createStore } from './pool/store';
import './styles/main.scss';

const root = document.getElementById('root');
if (!root) throw new Error('the page has no #root');

const token = takeToken(location, history, sessionStorage);
const store =
  token.state === 'present'
    ? createStore(
        new Worker(new URL('./io.worker.ts', import.meta.url), { type: 'module' }),
        token.token,
        location.origin,
      )
    : null;

createRoot(root).render(
  <StrictMode>
    <App token={token.state} store={store} />
  </StrictMode>,
);
