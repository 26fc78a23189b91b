// Every word that a volunteer reads, in one place.
import type { Connection } from './link/connection';
import type { StepName } from './messages';

const plural = (count: number, one: string, many: string) => (count === 1 ? one : many);

export const strings = {
  name: 'Nitocris',

  link: {
    missing: 'This link is incomplete. Ask for the whole link; it ends in # and 22 characters.',
  },

  environment: {
    notReady: 'The owner’s computer is still getting ready.',
    strange: 'The owner’s computer gave an answer that this page does not understand. Reload the page.',
    unreachable: 'The owner’s computer does not answer. Maybe the work has not begun, or it is over.',
  },

  download: {
    blob: 'the work’s data',
    mismatch: (name: string) =>
      `${name} arrived damaged: its checksum is wrong. Nothing was run. Try again, and tell whoever sent you the link if it happens again.`,
    failed: (name: string) => `${name} could not be downloaded. Check the connection and try again.`,
    refused: (status: number) =>
      status === 401 || status === 403
        ? 'This link is not valid any more. Ask for a new one.'
        : `The owner’s computer refused a download (status ${status}).`,
  },

  refusals: {
    token: 'This link is not valid any more. Ask for a new one.',
    role: 'This link is not for browsers. Ask for the volunteers’ link.',
    protocol: 'This page and the owner’s computer speak different versions. Reload the page.',
    malformed: 'The owner’s computer did not understand this page. Reload the page.',
  } as Readonly<Record<string, string>>,

  steps: {
    sandbox: 'opening the sandbox',
    interpreter: 'starting Python',
    packages: 'unpacking packages',
    library: 'loading the work’s tools',
    confinement: 'closing the sandbox',
  } satisfies Record<StepName, string>,

  failures: {
    frame: 'The sandbox did not open. This browser may be too old, or an extension may block it.',
    start: (step: StepName) =>
      `Python did not start in this browser: it failed while ${strings.steps[step]}. A newer browser may help.`,
    deadline: (step: StepName) => `It took too long: ${strings.steps[step]}.`,
    died: 'A worker stopped unexpectedly and was replaced.',
    unknown: 'Something went wrong in this page.',
  },

  /** For the owner's log. */
  reasons: {
    stopped: 'the volunteer stopped this worker',
    cancelled: 'the chunk was cancelled',
    unknownMap: 'the chunk came without its map',
    strange: 'the worker sent something that is no answer to its chunk',
  },

  connection: {
    idle: 'Not connected',
    connecting: 'Connecting…',
    open: 'Connected',
    waiting: (seconds: number) =>
      `Connection lost. Trying again in ${seconds} ${plural(seconds, 'second', 'seconds')}.`,
    ended: 'The work at this link has ended. If it begins again, this page joins by itself.',
    refused: 'Refused',
  } satisfies Record<Connection['state'], unknown>,
} as const;
