import type { WorkerView } from '../pool/snapshot';
import { strings } from '../strings';
import { workerWord } from '../words';
import './Workers.scss';

/** What each compute worker does at the moment. */
export function Workers({ workers }: { readonly workers: readonly WorkerView[] }) {
  return (
    <ul className="workers" aria-label={strings.workers.heading}>
      {workers.map((worker, index) => (
        <li key={worker.id} className="worker" data-state={worker.state} data-start={worker.start}>
          <span className="worker-name">{strings.workers.name(index + 1)}</span>
          <span className="worker-state" data-testid="worker-state">
            {workerWord(worker)}
          </span>
        </li>
      ))}
    </ul>
  );
}
