import './Code.scss';

interface Props {
  /** What is announced before it. */
  readonly label: string;
  readonly children: string;
}

/** Program text that scrolls: a named place which the keyboard reaches. */
export function Code({ label, children }: Props) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable
    <section className="code" tabIndex={0} aria-label={label}>
      <pre>{children}</pre>
    </section>
  );
}
