// Which face the page shows. Everything it knows is one snapshot; everything it can do is four
// commands.
import { useEffect, useState, useSyncExternalStore } from 'react';
import './App.scss';
import { Controls } from './components/Controls';
import { Layout } from './components/Layout';
import { Notice } from './components/Notice';
import { Facts } from './components/Offer';
import { RunningBody, RunningHead } from './components/Running';
import type { Token } from './link/token';
import { coresOf, usualWorkers } from './pool/cores';
import type { Activity, Lookup, Snapshot } from './pool/snapshot';
import type { Store } from './pool/store';
import { strings } from './strings';

interface Props {
  readonly token: Token['state'];
  /** Absent without a token: then nothing is started at all. */
  readonly store: Store | null;
}

export function App({ token, store }: Props) {
  if (token !== 'present' || !store) {
    return (
      <Layout>
        <Notice kind="plain" heading={strings.link.heading} message={strings.link.missing} />
      </Layout>
    );
  }
  return <Page store={store} />;
}

function Page({ store }: { readonly store: Store }) {
  const snapshot = useSyncExternalStore(store.subscribe, store.snapshot);
  const [workers, setWorkers] = useState(usualWorkers);
  const { lookup, activity } = snapshot;
  const ask = lookup.state === 'known' ? lookup.ask : null;
  const running = activity.state === 'running';
  useEffect(() => {
    document.title = titleOf(activity);
  }, [activity]);

  return (
    <Layout connection={running ? activity.connection.state : undefined}>
      <Head snapshot={snapshot} onRetry={store.retry} />
      <Controls
        running={running}
        ready={ask !== null}
        again={activity.state === 'failed' || activity.tally !== null}
        workers={workers}
        cores={coresOf()}
        onWorkers={(count) => {
          setWorkers(count);
          store.resize(count);
        }}
        onStart={() => store.start(workers)}
        onStop={store.stop}
      />
      {running && <RunningBody activity={activity} ask={ask} />}
      {!running && ask && <Facts ask={ask} />}
    </Layout>
  );
}

interface HeadProps {
  readonly snapshot: Snapshot;
  readonly onRetry: () => void;
}

/** The headline of each state, with what belongs to it. */
function Head({ snapshot: { lookup, activity }, onRetry }: HeadProps) {
  switch (activity.state) {
    case 'running': {
      const title = lookup.state === 'known' ? lookup.ask.title : '';
      // A snapshot comes every second, which is as often as a countdown needs.
      return <RunningHead activity={activity} title={title} now={Date.now()} onRetry={onRetry} />;
    }
    case 'failed':
      return <Notice kind="trouble" heading={strings.trouble.heading} {...activity.failure} />;
    case 'stopped': {
      if (!activity.tally) return <Offer lookup={lookup} onRetry={onRetry} />;
      const { items, seconds } = activity.tally;
      const message = items > 0 ? strings.stopped.text(items, seconds) : strings.stopped.nothing;
      return <Notice kind="plain" heading={strings.stopped.heading} message={message} />;
    }
  }
}

function Offer({ lookup, onRetry }: { readonly lookup: Lookup; readonly onRetry: () => void }) {
  switch (lookup.state) {
    case 'known':
      return (
        <div className="offer">
          <h1>{strings.offer.heading(lookup.ask.title)}</h1>
          <p>{strings.offer.lead}</p>
        </div>
      );
    case 'refused':
      return <Notice kind="trouble" heading={strings.trouble.heading} message={lookup.message} />;
    case 'asking':
      return (
        <div className="offer">
          <h1>{strings.offer.headingUnknown}</h1>
          <p role="status">{strings.offer.asking}</p>
        </div>
      );
    case 'unavailable': {
      const seconds = Math.max(1, Math.ceil((lookup.until - Date.now()) / 1000));
      return (
        <div className="offer">
          <h1>{strings.offer.headingUnknown}</h1>
          <p>
            <span role="status">{lookup.message}</span>
            {strings.work.again(seconds)}
          </p>
          <button type="button" className="button" data-kind="quiet" onClick={onRetry}>
            {strings.controls.tryNow}
          </button>
        </div>
      );
    }
  }
}

function titleOf(activity: Activity): string {
  switch (activity.state) {
    case 'failed':
      return strings.title.failed;
    case 'stopped':
      return activity.tally ? strings.title.stopped : strings.title.offer;
    case 'running': {
      const { connection, workers, work, tally } = activity;
      if (connection.state === 'waiting') return strings.title.reconnecting;
      if (workers.every(({ state }) => state === 'loading')) return strings.title.preparing;
      return work === 'under way' ? strings.title.computing(tally.items) : strings.title.waiting;
    }
  }
}
