import type { Standing } from '../pool/snapshot';
import { strings } from '../strings';
import { awayText, errorLine, headlineOf, pauseText, type Running } from '../words';
import { Job } from './Job';
import { Notice } from './Notice';
import { Progress } from './Progress';
import './Running.scss';

interface HeadProps {
  readonly activity: Running;
  readonly standing: Standing | null;
  readonly title: string;
  readonly now: number;
  readonly onRetry: () => void;
}

/** What is going on between Start and the end, and what stands in its way. */
export function RunningHead({ activity, standing, title, now, onRetry }: HeadProps) {
  const { connection, download, mode, rejoined, tally } = activity;
  const away = awayText(activity, now);
  return (
    <div className="running-head">
      {/* Only this line is announced: counters would talk all day. */}
      <h1 aria-live="polite">{headlineOf(activity, title)}</h1>
      {mode.state === 'paused' && <p data-testid="pause">{pauseText(mode.pause)}</p>}
      {away && (
        <p className="running-away">
          {away}
          <button type="button" className="button" data-kind="quiet" onClick={onRetry}>
            {strings.controls.tryNow}
          </button>
        </p>
      )}
      {rejoined !== null && connection.state === 'open' && (
        <p className="running-away">{strings.work.rejoined(rejoined)}</p>
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
      {standing && connection.state === 'open' && (
        <Job standing={standing} {...(mode.state !== 'paused' && { tally })} />
      )}
    </div>
  );
}

/** What this device has done, and what went wrong meanwhile. */
export function RunningBody({ activity }: { readonly activity: Running }) {
  const { mode, tally, raised, incident } = activity;
  return (
    <>
      <Progress tally={tally} isStill={mode.state === 'paused'} />
      {tally.raised > 0 && (
        <Notice
          kind="plain"
          message={strings.tally.raised(tally.raised, errorLine(raised))}
          details={raised?.traceback ?? ''}
        />
      )}
      {incident && <Notice kind="trouble" message={incident.message} details={incident.details} />}
    </>
  );
}
