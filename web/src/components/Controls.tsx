import { type RefObject, useId, useLayoutEffect, useRef } from 'react';
import { strings } from '../strings';
import type { Verb } from '../words';
import './Controls.scss';

interface Props {
  /** What can be done now, the likeliest first. */
  readonly verbs: readonly Verb[];
  /** Whether Start can be pressed: what it would do is known. */
  readonly ready: boolean;
  readonly again: boolean;
  readonly onVerb: (verb: Verb) => void;
}

/** A place keeps its button, so that the focus stays there when the verb changes. */
const PLACES = ['first', 'second'] as const;

/** The verbs, always in the same place. */
export function Controls({ verbs, ready, again, onVerb }: Props) {
  return (
    <div className="controls">
      {verbs.map((verb, position) => (
        <VerbButton
          key={PLACES[position]}
          verb={verb}
          kind={position === 0 && (verb === 'start' || verb === 'resume') ? 'main' : 'plain'}
          label={verb === 'start' && again ? strings.controls.startAgain : strings.controls[verb]}
          disabled={verb === 'start' && !ready}
          onPress={() => onVerb(verb)}
        />
      ))}
    </div>
  );
}

interface ButtonProps {
  readonly verb: Verb;
  readonly kind: 'main' | 'plain';
  readonly label: string;
  readonly disabled: boolean;
  readonly onPress: () => void;
}

function VerbButton({ verb, kind, label, disabled, onPress }: ButtonProps) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  useHandover(button);
  const hint = verb === 'pause' || verb === 'finish' ? strings.controls.hints[verb] : undefined;
  return (
    <>
      <button
        ref={button}
        type="button"
        className="button"
        data-kind={kind}
        disabled={disabled}
        title={hint}
        aria-describedby={hint && id}
        // Whoever clicks twice means the first button, not the one that takes its place.
        onClick={({ detail }) => detail < 2 && onPress()}
      >
        {label}
      </button>
      {hint && (
        <span id={id} hidden>
          {hint}
        </span>
      )}
    </>
  );
}

/** When a button with the focus goes away, the first verb gets it; it would be lost otherwise. */
function useHandover(button: RefObject<HTMLButtonElement | null>): void {
  useLayoutEffect(() => {
    const leaving = button.current;
    return () => {
      if (leaving && leaving === document.activeElement) {
        leaving.parentElement?.querySelector('button')?.focus();
      }
    };
  }, [button]);
}
