import type { Ask } from '../pool/snapshot';
import { strings } from '../strings';
import './Offer.scss';

const { facts } = strings.offer;

/** What pressing Start means, in plain words. */
export function Facts({ ask }: { readonly ask: Ask }) {
  const rows = [
    [facts.sandbox, facts.sandboxText(ask.python)],
    [facts.download, facts.downloadText(ask.bytes, ask.wheels)],
    [facts.cost, facts.costText],
    [facts.leave, facts.leaveText],
  ] as const;
  return (
    <dl className="facts">
      {rows.map(([term, text]) => (
        <div key={term}>
          <dt>{term}</dt>
          <dd>{text}</dd>
        </div>
      ))}
    </dl>
  );
}

/** The same, folded away while the work goes on. */
export function FoldedFacts({ ask }: { readonly ask: Ask }) {
  return (
    <details className="folded">
      <summary>{strings.offer.summary}</summary>
      <Facts ask={ask} />
    </details>
  );
}
