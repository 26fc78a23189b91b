import type { ReactNode } from 'react';
import type { Connection } from '../link/connection';
import { strings } from '../strings';
import './Layout.scss';
import { Logo } from './Logo';

interface Props {
  /** The state that is shown in the corner; none before Start. */
  readonly connection?: Connection['state'] | undefined;
  readonly children: ReactNode;
  /** Beside the main column where there is room, else below it. */
  readonly aside?: ReactNode;
  /** Under both columns, as wide as they are together. */
  readonly below?: ReactNode;
}

/** The page's frame: mark, state of the connection, one column or two. */
export function Layout({ connection, children, aside, below }: Props) {
  return (
    <div className="layout">
      <header className="layout-header">
        <span className="layout-name">
          <Logo />
          {strings.name}
        </span>
        {connection && (
          <span
            className="layout-connection"
            data-testid="connection-state"
            data-state={connection}
          >
            {strings.connection[connection]}
          </span>
        )}
      </header>
      <main className="layout-main">
        <div className="layout-column">{children}</div>
        {aside && <div className="layout-column">{aside}</div>}
        {below && <div className="layout-column layout-below">{below}</div>}
      </main>
    </div>
  );
}
