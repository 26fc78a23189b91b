import { useId } from 'react';
import { strings } from '../strings';
import './Controls.scss';

interface Props {
  readonly running: boolean;
  /** Whether Start can be pressed: what it would do is known. */
  readonly ready: boolean;
  readonly again: boolean;
  readonly workers: number;
  readonly cores: number;
  readonly onWorkers: (workers: number) => void;
  readonly onStart: () => void;
  readonly onStop: () => void;
}

/** Start or Stop, always in the same place, and how many workers there are. */
export function Controls(props: Props) {
  const { running, ready, again, workers, cores } = props;
  const id = useId();
  return (
    <div className="controls">
      {running ? (
        <button type="button" className="button" data-kind="stop" onClick={props.onStop}>
          {strings.controls.stop}
        </button>
      ) : (
        <button type="button" className="button" disabled={!ready} onClick={props.onStart}>
          {again ? strings.controls.startAgain : strings.controls.start}
        </button>
      )}
      {cores > 1 && (
        <div className="controls-workers">
          <label htmlFor={id}>{strings.controls.workers}</label>
          <output htmlFor={id}>{strings.controls.workersOf(workers, cores)}</output>
          <input
            id={id}
            type="range"
            min={1}
            max={cores}
            value={workers}
            aria-valuetext={strings.controls.workersOf(workers, cores)}
            onChange={({ target }) => props.onWorkers(target.valueAsNumber)}
          />
        </div>
      )}
    </div>
  );
}
