import { useEffect, useState } from 'react';
import { strings } from '../strings';
import './Lost.scss';
import { ownerStrings } from './strings';
import type { Away } from './watch';
import { clockTime } from './words';

interface Props {
  readonly away: Away;
  readonly onRetry: () => void;
}

/** Says that nobody answers, since when, and that it is tried again. */
export function Lost({ away, onRetry }: Props) {
  const now = useNow();
  const { never, since, again } = ownerStrings.away;
  return (
    <div className="lost">
      <p>{away.since === null ? never : since(clockTime(away.since))}</p>
      <p>{again(Math.max(0, Math.ceil((away.until - now) / 1000)))}</p>
      <button type="button" className="button" data-kind="quiet" onClick={onRetry}>
        {strings.controls.tryNow}
      </button>
    </div>
  );
}

/** The time, every second. */
function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
