import type { Standing, Tally } from '../pool/snapshot';
import { strings } from '../strings';
import { standingWords } from '../words';
import './Job.scss';

interface Props {
  readonly standing: Standing;
  /** What this device has done, while it takes part. */
  readonly tally?: Tally;
}

/** How the whole job stands, all devices together. */
export function Job({ standing, tally }: Props) {
  const { done, total } = standing;
  return (
    <div className="job" data-testid="job">
      {!!total && <progress aria-label={strings.standing.label} value={done} max={total} />}
      <ul>
        {standingWords(standing, tally).map((words) => (
          <li key={words}>{words}</li>
        ))}
      </ul>
    </div>
  );
}
