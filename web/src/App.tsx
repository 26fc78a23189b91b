// Which face the page shows. Everything it knows is one snapshot and the volunteer's choices;
// everything it can do is a few commands.
import { useSyncExternalStore } from 'react';
import { Controls } from './components/Controls';
import { Layout } from './components/Layout';
import { Notice } from './components/Notice';
import { Facts, FoldedFacts, Offer } from './components/Offer';
import { RunningBody, RunningHead } from './components/Running';
import { Settings } from './components/Settings';
import { Thanks } from './components/Thanks';
import { Workers } from './components/Workers';
import type { Token } from './link/token';
import type { Snapshot } from './pool/snapshot';
import type { Store } from './pool/store';
import { strings } from './strings';
import { type Verb, verbsFor } from './words';

interface Props {
  readonly token: Token['state'];
  /** Absent without a token, or where nothing can be computed: then nothing is started at all. */
  readonly store: Store | null;
}

export function App({ token, store }: Props) {
  if (token !== 'present') {
    return (
      <Layout>
        <Notice kind="plain" heading={strings.link.heading} message={strings.link.missing} />
      </Layout>
    );
  }
  if (!store) {
    return (
      <Layout>
        <Notice kind="trouble" heading={strings.trouble.heading} message={strings.trouble.old} />
      </Layout>
    );
  }
  return <Page store={store} />;
}

function Page({ store }: { readonly store: Store }) {
  const snapshot = useSyncExternalStore(store.subscribe, store.snapshot);
  const choice = useSyncExternalStore(store.choices.subscribe, store.choices.current);
  const { lookup, activity } = snapshot;
  const ask = lookup.state === 'known' ? lookup.ask : null;
  const running = activity.state === 'running';
  const settings = <Settings choice={choice} onChange={store.choices.change} />;

  return (
    <Layout
      connection={running ? activity.connection.state : undefined}
      aside={
        running ? (
          <>
            <Workers workers={activity.workers} />
            <details className="folded">
              <summary>{strings.settings.heading}</summary>
              {settings}
            </details>
            {ask && <FoldedFacts ask={ask} choice={choice} />}
          </>
        ) : (
          ask && <Facts ask={ask} choice={choice} />
        )
      }
    >
      <Head snapshot={snapshot} onRetry={store.retry} />
      <Controls
        verbs={verbsFor(activity)}
        ready={ask !== null}
        again={activity.state === 'failed' || (activity.state === 'stopped' && !!activity.tally)}
        onVerb={(verb) => perform(verb, store)}
      />
      {running ? <RunningBody activity={activity} /> : settings}
    </Layout>
  );
}

function perform(verb: Verb, store: Store): void {
  switch (verb) {
    case 'start':
      return store.start();
    case 'stop':
      return store.stop();
    case 'resume':
      return store.wish('compute');
    default:
      return store.wish(verb);
  }
}

interface HeadProps {
  readonly snapshot: Snapshot;
  readonly onRetry: () => void;
}

/** The headline of each state, with what belongs to it. */
function Head({ snapshot: { lookup, activity, standing }, onRetry }: HeadProps) {
  switch (activity.state) {
    case 'running': {
      const title = lookup.state === 'known' ? lookup.ask.title : '';
      // A snapshot comes every second, which is as often as a countdown needs.
      const now = Date.now();
      return (
        <RunningHead
          activity={activity}
          standing={standing}
          title={title}
          now={now}
          onRetry={onRetry}
        />
      );
    }
    case 'failed':
      return <Notice kind="trouble" heading={strings.trouble.heading} {...activity.failure} />;
    case 'stopped':
      if (activity.tally) return <Thanks tally={activity.tally} />;
      return <Offer lookup={lookup} standing={standing} onRetry={onRetry} />;
  }
}
