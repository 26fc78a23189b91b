// Which face the dashboard shows.
import { useSyncExternalStore } from 'react';
import { Layout } from '../components/Layout';
import { Notice } from '../components/Notice';
import { Dashboard } from './Dashboard';
import { Lost } from './Lost';
import { ownerStrings as strings } from './strings';
import type { Watch } from './watch';

interface Props {
  /** Absent without a token: then nothing is asked. */
  readonly watch: Watch | null;
}

export function App({ watch }: Props) {
  if (!watch) return <Refusal message={strings.refusals.missing} />;
  return <Watched watch={watch} />;
}

function Watched({ watch }: { readonly watch: Watch }) {
  const view = useSyncExternalStore(watch.subscribe, watch.view);
  switch (view.state) {
    case 'refused':
      return <Refusal message={strings.refusals[view.reason]} />;
    case 'asking':
      return (
        <Layout connection={view.away ? 'waiting' : 'connecting'}>
          <h1>{strings.headline.label}</h1>
          {view.away ? <Lost away={view.away} onRetry={watch.retry} /> : <p>{strings.asking}</p>}
        </Layout>
      );
    case 'shown':
      return <Dashboard view={view} onRetry={watch.retry} onDismiss={watch.dismiss} />;
  }
}

function Refusal({ message }: { readonly message: string }) {
  return (
    <Layout>
      <Notice kind="trouble" heading={strings.refusals.heading} message={message} />
    </Layout>
  );
}
