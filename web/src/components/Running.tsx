import type { Activity, Ask } from '../pool/snapshot';
import { strings } from '../strings';
import { Notice } from './Notice';
import { FoldedFacts } from './Offer';
import { Progress } from './Progress';
import './Running.scss';
import { Workers } from './Workers';

export type RunningActivity = Extract<Activity, { state: 'running' }>;

interface HeadProps {
  readonly activity: RunningActivity;
  readonly title: string;
  readonly now: number;
  readonly onRetry: () => void;
}

/** What is going on between Start and Stop, and what stands in its way. */
export function RunningHead({ activity, title, now, onRetry }: HeadProps) {
  const { connection, download } = activity;
  const isAway = connection.state === 'waiting' || connection.state === 'ended';
  return (
    <div className="running-head">
      {/* Only this line is announced: counters would talk all day. */}
      <h1 aria-live="polite">{headline(activity, title)}</h1>
      {isAway && (
        <p className="running-away">
          {connection.state === 'waiting'
            ? strings.work.lost(secondsUntil(connection.until, now))
            : strings.work.ended}
          <button type="button" className="button" data-kind="quiet" onClick={onRetry}>
            {strings.controls.tryNow}
          </button>
        </p>
      )}
      {download.state === 'delayed' && <p className="running-away">{download.message}</p>}
      {download.state === 'loading' && (
        <div className="running-download">
          <progress
            aria-label={strings.work.downloadLabel}
            value={download.received}
            max={Math.max(1, download.total)}
          />
          <span>{strings.work.downloaded(download.received, download.total)}</span>
        </div>
      )}
    </div>
  );
}

interface BodyProps {
  readonly activity: RunningActivity;
  readonly ask: Ask | null;
}

/** What has been done, and by whom. */
export function RunningBody({ activity: { tally, workers, incident }, ask }: BodyProps) {
  return (
    <>
      <Progress tally={tally} />
      <Workers workers={workers} />
      {tally.raised > 0 && <Notice kind="plain" message={strings.tally.raised(tally.raised)} />}
      {incident && <Notice kind="trouble" message={incident.message} details={incident.details} />}
      {ask && <FoldedFacts ask={ask} />}
    </>
  );
}

function headline({ connection, download, workers, work }: RunningActivity, title: string): string {
  if (connection.state === 'ended') return strings.connection.ended;
  if (connection.state === 'waiting') return strings.connection.waiting;
  if (download.state !== 'done') return strings.work.downloading;
  if (!workers.some(({ state }) => state !== 'loading')) return strings.work.starting;
  switch (work) {
    case 'under way':
      return strings.work.computing(title);
    case 'over':
      return strings.work.next;
    case 'none':
      return strings.work.first;
  }
}

function secondsUntil(until: number, now: number): number {
  return Math.max(0, Math.ceil((until - now) / 1000));
}
