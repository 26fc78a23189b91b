import { Code } from '../components/Code';
import '../components/Offer.scss';
import type { ErrorGroup } from './stats';
import { ownerStrings } from './strings';
import './Errors.scss';

interface Props {
  /** The most frequent first. */
  readonly groups: readonly ErrorGroup[];
  /** How many there are besides. */
  readonly more: number;
}

/** What the owner's function raised, alike errors together. */
export function Errors({ groups, more }: Props) {
  const { errors } = ownerStrings;
  return (
    <section className="errors" aria-labelledby="errors">
      <h2 id="errors">{errors.heading}</h2>
      {groups.length === 0 && <p>{errors.none}</p>}
      <ul>
        {groups.map((group) => (
          <li key={`${group.map} ${group.index} ${group.error}`} data-testid="error">
            <strong>{group.error}</strong>
            <p>
              {errors.count(group.count)} · {errors.first(group.index, group.map, group.worker)}
            </p>
            {group.traceback && (
              <details className="folded">
                <summary>{errors.traceback}</summary>
                <Code label={errors.tracebackOf(group.error)}>{group.traceback}</Code>
              </details>
            )}
          </li>
        ))}
      </ul>
      {more > 0 && <p>{errors.more(more)}</p>}
    </section>
  );
}
