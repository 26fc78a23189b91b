// The page as its tab shows it from outside: title, icon, and the question before it closes.
import type { Activity } from './pool/snapshot';
import { strings } from './strings';
import { awayOf } from './words';

type Sign = 'quiet' | 'computing' | 'paused' | 'trouble';

/** Readable on light and dark tab bars alike. */
const COLOURS: Readonly<Record<Sign, string>> = {
  quiet: '#8a9499',
  computing: '#12938b',
  paused: '#c98a1b',
  trouble: '#d0563b',
};

/** Shows the state in the tab's title and icon, which is all that is seen of a background tab. */
export function showInTab(activity: Activity, page: Document = document): void {
  const title = titleOf(activity);
  if (page.title !== title) page.title = title;
  const icon = page.querySelector<HTMLLinkElement>('link[rel="icon"]');
  const sign = signOf(activity);
  if (!icon || icon.dataset['sign'] === sign) return;
  icon.dataset['sign'] = sign;
  icon.href = `data:image/svg+xml,${encodeURIComponent(iconOf(sign))}`;
}

/** Asks once, while something computes, whether the page may be left. */
export function askBeforeLeaving(activity: () => Activity, target: EventTarget = window): void {
  let asked = false;
  target.addEventListener('beforeunload', (event) => {
    const now = activity();
    if (asked || now.state !== 'running') return;
    if (!now.workers.some(({ state }) => state === 'computing' || state === 'leaving')) return;
    asked = true;
    event.preventDefault();
  });
}

export function titleOf(activity: Activity): string {
  switch (activity.state) {
    case 'failed':
      return strings.title.failed;
    case 'stopped':
      return activity.tally ? strings.title.stopped : strings.title.offer;
    case 'running': {
      const { connection, mode, workers, work, tally } = activity;
      if (mode.state === 'paused') return strings.title.paused;
      if (awayOf(connection) === 'waiting') return strings.title.reconnecting;
      if (mode.state === 'finishing') return strings.title.finishing;
      if (workers.every(({ state }) => state === 'loading')) return strings.title.preparing;
      return work === 'under way' ? strings.title.computing(tally.items) : strings.title.waiting;
    }
  }
}

export function signOf(activity: Activity): Sign {
  if (activity.state === 'failed') return 'trouble';
  if (activity.state === 'stopped') return 'quiet';
  if (activity.mode.state === 'paused') return 'paused';
  if (awayOf(activity.connection) === 'waiting') return 'trouble';
  return activity.workers.some(({ state }) => state === 'computing') ? 'computing' : 'quiet';
}

function iconOf(sign: Sign): string {
  const bars = '<path fill="#fff" d="M11 9h3.5v14H11zM17.5 9H21v14h-3.5z"/>';
  const drop = '<path fill="#fff" d="M16 5c5 6 5 13 0 19c-5-6-5-13 0-19z"/>';
  return (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">' +
    `<circle cx="16" cy="16" r="16" fill="${COLOURS[sign]}"/>` +
    `${sign === 'paused' ? bars : drop}</svg>`
  );
}
