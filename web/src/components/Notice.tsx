import type { ReactNode } from 'react';
import { strings } from '../strings';
import './Notice.scss';
import { Code } from './Code';

interface Props {
  readonly kind: 'trouble' | 'plain';
  readonly heading?: string;
  readonly message: string;
  /** What only some want to read, folded away. */
  readonly details?: string;
  readonly children?: ReactNode;
}

/** Something to read that is neither the offer nor the work. */
export function Notice({ kind, heading, message, details, children }: Props) {
  return (
    <section className="notice" data-kind={kind} role={kind === 'trouble' ? 'alert' : undefined}>
      {heading && <h1>{heading}</h1>}
      <p>{message}</p>
      {details && (
        <details className="folded">
          <summary>{strings.trouble.details}</summary>
          <Code label={strings.trouble.details}>{details}</Code>
        </details>
      )}
      {children}
    </section>
  );
}
