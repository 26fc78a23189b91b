import type { Choice } from '../pool/choices';
import { coresOf } from '../pool/hardware';
import { POWERS } from '../pool/settings';
import type { Ask, Lookup, Standing } from '../pool/snapshot';
import { strings } from '../strings';
import './Offer.scss';
import { Code } from './Code';
import { Job } from './Job';
import { Notice } from './Notice';

const { facts } = strings.offer;

interface OfferProps {
  readonly lookup: Lookup;
  readonly standing: Standing | null;
  readonly onRetry: () => void;
}

/** Who asks, and why. */
export function Offer({ lookup, standing, onRetry }: OfferProps) {
  switch (lookup.state) {
    case 'known':
      return (
        <div className="offer">
          <h1>{strings.offer.heading(lookup.ask.title)}</h1>
          {lookup.ask.description && (
            <blockquote className="offer-words">{lookup.ask.description}</blockquote>
          )}
          <p>{strings.offer.lead}</p>
          <ul className="offer-promises">
            {strings.offer.promises.map((promise) => (
              <li key={promise}>{promise}</li>
            ))}
          </ul>
          {standing && <Job standing={standing} />}
        </div>
      );
    case 'refused':
      return <Notice kind="trouble" heading={strings.trouble.heading} message={lookup.message} />;
    case 'asking':
      return (
        <div className="offer">
          <h1>{strings.offer.headingUnknown}</h1>
          <p role="status">{strings.offer.asking}</p>
        </div>
      );
    case 'unavailable': {
      const seconds = Math.max(1, Math.ceil((lookup.until - Date.now()) / 1000));
      return (
        <div className="offer">
          <h1>{strings.offer.headingUnknown}</h1>
          <p>
            <span role="status">{lookup.message}</span>
            {strings.work.again(seconds)}
          </p>
          <button type="button" className="button" data-kind="quiet" onClick={onRetry}>
            {strings.controls.tryNow}
          </button>
        </div>
      );
    }
  }
}

interface FactsProps {
  readonly ask: Ask;
  readonly choice: Choice;
}

/** What pressing Start means, in plain words. */
export function Facts({ ask, choice: { settings, workers } }: FactsProps) {
  const rows = [
    [facts.sandbox, facts.sandboxText(ask.python)],
    [facts.leaves, facts.leavesText],
    [facts.download, facts.downloadText(ask.bytes, ask.wheels)],
    [facts.cost, facts.costText(workers, coresOf(), POWERS[settings.power])],
    [facts.leave, facts.leaveText],
  ] as const;
  return (
    <dl className="facts">
      <div>
        <dt>{facts.work}</dt>
        <dd>
          {facts.workText(ask.functions.map(({ name }) => name))}
          {ask.functions.map(({ map, name, source }) =>
            source === null ? null : (
              <details key={map} className="folded">
                <summary>
                  {ask.functions.length === 1 ? facts.source : facts.sourceOf(name)}
                </summary>
                <Code label={facts.codeOf(name)}>{source}</Code>
              </details>
            ),
          )}
        </dd>
      </div>
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
export function FoldedFacts(props: FactsProps) {
  return (
    <details className="folded">
      <summary>{strings.offer.summary}</summary>
      <Facts {...props} />
    </details>
  );
}
