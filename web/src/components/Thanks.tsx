import type { Tally } from '../pool/snapshot';
import { strings } from '../strings';
import './Offer.scss';
import { Numbers } from './Progress';

/** The end, with what this device did. */
export function Thanks({ tally }: { readonly tally: Tally }) {
  const { items, seconds } = tally;
  return (
    <section className="offer" role="status">
      <h1>{strings.stopped.heading}</h1>
      <p>{items > 0 ? strings.stopped.text(items, seconds) : strings.stopped.nothing}</p>
      {items > 0 && (
        <div className="progress">
          <Numbers tally={tally} isStill />
        </div>
      )}
    </section>
  );
}
