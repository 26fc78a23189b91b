import { lazy, Suspense } from 'react';
import '../components/Controls.scss';
import { Layout } from '../components/Layout';
import { Optional } from '../components/Optional';
import '../components/Progress.scss';
import { strings } from '../strings';
import './Dashboard.scss';
import { Devices } from './Devices';
import { Errors } from './Errors';
import { Figures } from './Figures';
import { Lost } from './Lost';
import { Maps } from './Maps';
import { Share } from './Share';
import type { Shown } from './watch';
import { explanationOf, headlineOf } from './words';

const Chart = lazy(() => import('../components/Chart'));

interface Props {
  readonly view: Shown;
  readonly onRetry: () => void;
  readonly onDismiss: (number: number, name: string) => void;
}

/** All that is known of an execution. */
export function Dashboard({ view, onRetry, onDismiss }: Props) {
  const { stats, link, away } = view;
  const explanation = explanationOf(view);
  return (
    <Layout
      connection={away ? 'waiting' : 'open'}
      aside={link !== undefined && <Share link={link} />}
      below={
        <>
          <Devices view={view} onDismiss={onDismiss} />
          <Errors groups={stats.errors} more={stats.moreErrors} />
        </>
      }
    >
      <div className="dashboard-head">
        <h1>{stats.title}</h1>
        {/* Only this line is announced: counters would talk all day. */}
        <p className="dashboard-headline" data-away={away !== null} aria-live="polite">
          {headlineOf(view)}
        </p>
        {explanation && <p>{explanation}</p>}
      </div>
      {away && <Lost away={away} onRetry={onRetry} />}
      <Maps maps={stats.maps} more={stats.moreMaps} />
      <section className="progress">
        <Figures stats={stats} />
        <Optional>
          <div className="progress-chart">
            <h2>{strings.tally.chartTitle}</h2>
            <Suspense>
              <Chart history={view.history} rate={stats.rate} />
            </Suspense>
          </div>
        </Optional>
      </section>
    </Layout>
  );
}
