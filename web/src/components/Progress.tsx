import { lazy, Suspense } from 'react';
import type { Tally } from '../pool/snapshot';
import { strings } from '../strings';
import { Optional } from './Optional';
import './Progress.scss';

// The chart's library is not needed before there is something to draw.
const Chart = lazy(() => import('./Chart'));

/** What this device has done, how fast, and how that went over time. */
export function Progress({ tally, isStill = false }: NumbersProps) {
  return (
    <section className="progress">
      <Numbers tally={tally} isStill={isStill} />
      <Optional>
        <div className="progress-chart">
          <h2>{strings.tally.chartTitle}</h2>
          <Suspense>
            <Chart history={tally.history} rate={tally.rate} />
          </Suspense>
        </div>
      </Optional>
    </section>
  );
}

interface NumbersProps {
  readonly tally: Tally;
  /** Whether nothing goes on, so that there is no speed. */
  readonly isStill?: boolean;
}

export function Numbers({ tally, isStill = false }: NumbersProps) {
  const rate = strings.tally.rate(tally.rate);
  return (
    <dl className="progress-numbers">
      <div>
        <dt>{strings.tally.items(tally.items)}</dt>
        <dd>
          <data value={tally.items} data-testid="items-done">
            {strings.number(tally.items)}
          </data>
        </dd>
      </div>
      {!isStill && (
        <div>
          <dt>{rate.unit}</dt>
          <dd>{rate.value}</dd>
        </div>
      )}
      <div>
        <dt>{strings.tally.spentUnit}</dt>
        <dd>{strings.tally.spent(tally.seconds)}</dd>
      </div>
      <div data-kind="small">
        <dt>{strings.tally.received}</dt>
        <dd>{strings.bytes(tally.received)}</dd>
        <dd>{strings.tally.sent(tally.sent)}</dd>
      </div>
    </dl>
  );
}
