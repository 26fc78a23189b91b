// Starts the I/O worker and the sandbox first, and then what is seen of them: both take a while, and
// neither needs React.
import { takeToken } from './link/token';
import { watchConditions } from './pool/conditions';
import { createStore } from './pool/store';
import { ScreenLock } from './pool/wakelock';
import { askBeforeLeaving, showInTab } from './tab';
import './styles/main.scss';

const root = document.getElementById('root');
if (!root) throw new Error('the page has no #root');

const token = takeToken(location, history, sessionStorage);
const store =
  token.state === 'present' && typeof WebAssembly === 'object'
    ? createStore(
        new Worker(new URL('./io.worker.ts', import.meta.url), { type: 'module' }),
        token.token,
        location.origin,
        storage(),
      )
    : null;

if (store) {
  const screen = new ScreenLock();
  const { choices } = store;
  const follow = () => {
    const { activity } = store.snapshot();
    showInTab(activity);
    screen.want(choices.current().settings.keepAwake && activity.state === 'running');
  };
  watchConditions(store.observe);
  store.subscribe(follow);
  choices.subscribe(follow);
  askBeforeLeaving(() => store.snapshot().activity);
}

/** What lasts as long as the page, where the browser keeps nothing. */
function storage(): Pick<Storage, 'getItem' | 'setItem'> {
  try {
    return localStorage;
  } catch {
    return { getItem: () => null, setItem: () => {} };
  }
}

const { show } = await import('./page');
show(root, token.state, store);
