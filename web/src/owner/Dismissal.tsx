import { useEffect, useId, useRef } from 'react';
import './Dismissal.scss';
import type { WorkerStats } from './stats';
import { ownerStrings } from './strings';
import { nameOf } from './words';

interface Props {
  readonly worker: WorkerStats;
  /** Called once: true to send it away. */
  readonly onDecision: (isWanted: boolean) => void;
}

const YES = 'yes';

/** Asks whether a device is to be sent away; Escape keeps it. */
export function Dismissal({ worker, onDecision }: Props) {
  const { dismissal } = ownerStrings;
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();

  useEffect(() => dialog.current?.showModal(), []);

  return (
    <dialog
      ref={dialog}
      className="dismissal"
      aria-labelledby={`${id}-heading`}
      aria-describedby={`${id}-text`}
      onClose={({ currentTarget }) => onDecision(currentTarget.returnValue === YES)}
    >
      <form method="dialog">
        <h2 id={`${id}-heading`}>{dismissal.heading(nameOf(worker))}</h2>
        <p id={`${id}-text`}>{dismissal.text(worker.kind)}</p>
        <div className="dismissal-choice">
          <button type="submit" className="button" data-kind="plain" value="">
            {dismissal.cancel}
          </button>
          <button type="submit" className="button" data-kind="main" value={YES}>
            {dismissal.confirm}
          </button>
        </div>
      </form>
    </dialog>
  );
}
