import { Component, type ReactNode } from 'react';

interface Props {
  readonly children: ReactNode;
}

/**
 * Leaves out its children when they fail. For ornaments: React takes down the whole page for one
 * error, the Stop button with it. (uPlot, for one, does not load where the locale is "C".)
 */
export class Optional extends Component<Props, { readonly failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    return this.state.failed ? null : this.props.children;
  }
}
