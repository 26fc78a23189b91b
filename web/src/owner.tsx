// The owner's dashboard: an entry of its own, of which a volunteer downloads nothing.
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { KEYS, takeToken } from './link/token';
import { App } from './owner/App';
import { Watch } from './owner/watch';
import { titleOf } from './owner/words';
import './styles/main.scss';

const root = document.getElementById('root');
if (!root) throw new Error('the page has no #root');

const token = takeToken(location, history, sessionStorage, KEYS.owner);
const watch = token.state === 'present' ? new Watch(token.token, fetch.bind(window)) : null;

if (watch) {
  const look = () => watch.look(document.visibilityState === 'visible');
  document.addEventListener('visibilitychange', look);
  watch.subscribe(() => {
    const title = titleOf(watch.view());
    if (document.title !== title) document.title = title;
  });
  look();
}

createRoot(root).render(
  <StrictMode>
    <App watch={watch} />
  </StrictMode>,
);
