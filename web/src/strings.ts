// Every word that a volunteer reads, in one place.
import type { StepName } from './messages';
import { type Minutes, writeTime } from './pool/clock';
import type { WorkerStep } from './pool/snapshot';

const whole = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

function counted(count: number, one: string, many: string): string {
  return `${whole.format(count)} ${count === 1 ? one : many}`;
}

function megabytes(bytes: number): string {
  return `${short.format(bytes / 1e6)}\u00a0MB`;
}

/** In the unit that needs the fewest digits. */
function bytes(count: number): string {
  if (count < 1e3) return counted(count, 'byte', 'bytes');
  if (count < 1e6) return `${short.format(count / 1e3)}\u00a0kB`;
  return count < 1e9 ? megabytes(count) : `${short.format(count / 1e9)}\u00a0GB`;
}

/** "numpy" of "numpy-2.0.1-cp312-cp312-….whl". */
function packageName(wheel: string): string {
  return (wheel.split('-', 1)[0] ?? wheel).replaceAll('_', '-');
}

/** As short as a headline number. */
function spent(seconds: number): string {
  if (seconds < 60) return `${whole.format(Math.floor(seconds))} s`;
  if (seconds < 3600) return `${whole.format(Math.floor(seconds / 60))} min`;
  return `${short.format(seconds / 3600)} h`;
}

/** How long something will take, no more exactly than anybody knows. */
function remaining(seconds: number): string {
  if (seconds < 60) return 'less than a minute left';
  if (seconds < 3600) return `about ${counted(Math.round(seconds / 60), 'minute', 'minutes')} left`;
  if (seconds < 48 * 3600)
    return `about ${counted(Math.round(seconds / 3600), 'hour', 'hours')} left`;
  return `about ${counted(Math.round(seconds / 86400), 'day', 'days')} left`;
}

function duration(seconds: number): string {
  if (seconds < 60) return counted(Math.floor(seconds), 'second', 'seconds');
  if (seconds < 3600) return counted(Math.floor(seconds / 60), 'minute', 'minutes');
  return `${short.format(seconds / 3600)} hours`;
}

const steps: Readonly<Record<WorkerStep, string>> = {
  turn: 'waiting for the first worker',
  sandbox: 'opening the sandbox',
  files: 'waiting for the download',
  interpreter: 'starting Python',
  library: 'loading the tools',
  wheels: 'waiting for packages',
  packages: 'unpacking packages',
  confinement: 'closing the sandbox',
};

export const strings = {
  name: 'Nitocris',
  number: (value: number) => whole.format(value),
  bytes,

  title: {
    offer: 'Nitocris',
    preparing: 'Getting ready · Nitocris',
    computing: (items: number) => `${whole.format(items)} done · Nitocris`,
    waiting: 'Waiting · Nitocris',
    paused: 'Paused · Nitocris',
    finishing: 'Finishing · Nitocris',
    reconnecting: 'Reconnecting · Nitocris',
    stopped: 'Thank you · Nitocris',
    failed: 'Problem · Nitocris',
  },

  offer: {
    heading: (title: string) => `Help compute ${title}`,
    headingUnknown: 'Help with a computation',
    lead: 'Whoever sent you this link has a long computation to do. Lend it some of this device’s power: press Start and leave this page open.',
    promises: ['Nothing to install', 'A sandbox without network', 'Stop at any time'],
    facts: {
      work: 'What runs',
      workText: (names: readonly string[]) =>
        names.length === 0
          ? 'Nothing at the moment: the work comes when the owner sends it, and always into the same sandbox.'
          : `The owner’s Python ${names.length === 1 ? 'function' : 'functions'} ${names.join(', ')}, again and again, with other inputs each time.`,
      source: 'Read the code',
      codeOf: (name: string) => `Code of ${name}`,
      sourceOf: (name: string) => `Read the code of ${name}`,
      sandbox: 'Sandbox',
      sandboxText: (python: string) =>
        `It runs Python ${python} in a sandbox inside this page, which cannot reach the network, your files, other pages or accounts.`,
      leaves: 'What leaves',
      leavesText:
        'Only what the computation returns and prints, and the name of your browser, leave this device, to the owner’s computer.',
      download: 'Download',
      downloadText: (bytes: number, wheels: readonly string[]) => {
        const packages = [...new Set(wheels.map(packageName))].join(', ');
        return `At most ${megabytes(bytes)}, once: Python${packages && ` and ${packages}`}. Your browser keeps it for the next time.`;
      },
      cost: 'Power',
      costText: (workers: number, cores: number, share: number) =>
        `It uses up to ${counted(workers, 'processor core', 'processor cores')} of ${whole.format(cores)}, ${whole.format(share * 100)} % of the time, and about ${whole.format(workers * 100)} MB of memory, while there is work.`,
      leave: 'Stopping',
      leaveText:
        'Pause, finish or close the page at any time. Nothing stays behind but your choices and what the browser keeps for the next time.',
    },
    summary: 'What runs here?',
    asking: 'Asking what is needed…',
  },

  controls: {
    start: 'Start',
    startAgain: 'Start again',
    pause: 'Pause',
    resume: 'Resume',
    finish: 'Finish',
    stop: 'Stop now',
    tryNow: 'Try now',
    hints: {
      pause: 'Stops computing at once; the page stays ready.',
      finish: 'Does what it has begun, then stops.',
    },
  },

  settings: {
    heading: 'Settings',
    workers: 'Workers',
    workersOf: (count: number, cores: number) => `${count} of ${counted(cores, 'core', 'cores')}`,
    power: 'Power',
    powers: { gentle: 'Gentle', half: 'Half', full: 'Full' },
    powerHints: {
      gentle: 'Computes a quarter of the time: cool and quiet.',
      half: 'Computes half of the time.',
      full: 'Computes all the time.',
    },
    battery: 'On battery',
    batteryRules: {
      compute: 'go on',
      'pause when hidden': 'pause while this tab is hidden',
      pause: 'pause',
    },
    hours: 'Only at certain hours',
    from: 'from',
    to: 'to',
    keepAwake: 'Keep the screen on',
    kept: 'Your choices stay on this device.',
  },

  pauses: {
    heading: 'Paused',
    wish: 'You paused it. Press Resume to go on.',
    battery: 'This device runs on battery. It goes on by itself when it is plugged in.',
    'hidden on battery':
      'This device runs on battery and the tab is hidden. It goes on by itself when you look at it or plug it in.',
    hours: (from: Minutes) =>
      `It is outside the hours that you chose. It goes on by itself at ${writeTime(from)}.`,
  },

  connection: {
    idle: 'Not connected',
    connecting: 'Connecting',
    open: 'Connected',
    waiting: 'Reconnecting',
    ended: 'Ended for now',
    refused: 'Refused',
  },

  work: {
    downloading: 'Downloading',
    starting: 'Starting Python',
    computing: (title: string) => `Computing ${title}`,
    finishing: 'Finishing what has begun',
    full: (seconds: number) =>
      `All places are taken at the moment. Asking again in ${counted(seconds, 'second', 'seconds')}.`,
    rejoined: (seconds: number) =>
      `The connection was away for ${duration(seconds)}. This device has rejoined by itself.`,
    first: 'Ready. Waiting for the first map.',
    next: 'Waiting for the next map. Thank you!',
    lost: (seconds: number) =>
      seconds > 0
        ? `The connection is lost. Trying again in ${counted(seconds, 'second', 'seconds')}.`
        : 'The connection is lost. Trying again.',
    ended:
      'The work at this link has ended for now. Thank you! If it begins again, this page joins in by itself.',
    again: (seconds: number) => ` Asking again in ${counted(seconds, 'second', 'seconds')}.`,
    downloaded: (received: number, total: number) =>
      `${megabytes(received)} of ${megabytes(total)}`,
    downloadLabel: 'Download',
  },

  standing: {
    label: 'Progress of the whole job',
    done: (done: number, total: number | undefined) =>
      total === undefined
        ? `${counted(done, 'item', 'items')} done so far`
        : `${whole.format(Math.floor((100 * done) / Math.max(1, total)))} % of ${counted(total, 'item', 'items')}`,
    remaining,
    devices: (count: number) => counted(count, 'device', 'devices'),
    share: (share: number) =>
      share > 0 && share < 0.01
        ? 'less than 1 % of the speed is yours'
        : `${whole.format(Math.round(100 * share))} % of the speed is yours`,
    nothing: 'Nothing is being computed at the moment.',
  },

  tally: {
    items: (items: number) => (items === 1 ? 'item done' : 'items done'),
    /** Slow work is told by the minute, so that it does not read as zero. */
    rate: (rate: number) =>
      rate >= 1 || rate === 0
        ? { value: short.format(rate), unit: 'per second' }
        : { value: short.format(rate * 60), unit: 'per minute' },
    spent,
    spentUnit: 'of computing',
    received: 'downloaded',
    sent: (count: number) => `${bytes(count)} sent`,
    chart: (rate: number) =>
      `Items per second during the last five minutes; now ${short.format(rate)}.`,
    chartTitle: 'Items per second',
    now: 'now',
    ago: (seconds: number) => (seconds % 60 === 0 ? `${seconds / 60} min ago` : `${seconds} s ago`),
    raised: (count: number, error: string | null) =>
      `The owner’s function raised an error ${counted(count, 'time', 'times')}${error ? `, last: ${error}` : ''}. That is not your device’s fault; the owner sees it.`,
  },

  workers: {
    heading: 'Workers',
    name: (position: number) => `Worker ${position}`,
    loading: (step: WorkerStep) => steps[step],
    replacing: (step: WorkerStep) => `replacing: ${steps[step]}`,
    idle: 'idle',
    computing: 'computing',
    leaving: 'finishing',
  },

  stopped: {
    heading: 'Thank you!',
    text: (items: number, seconds: number) =>
      `This device did ${counted(items, 'item', 'items')} in ${duration(seconds)} of computing. You can close the page, or start again.`,
    nothing: 'This device has computed nothing yet.',
  },

  trouble: {
    heading: 'This did not work',
    old: 'This browser is too old, or WebAssembly is switched off in it, so it cannot run Python. Open the link in a current Chrome, Edge, Firefox or Safari.',
    details: 'Details',
  },

  link: {
    heading: 'Something is missing',
    missing: 'This link is incomplete. Ask for the whole link; it ends in # and 22 characters.',
  },

  environment: {
    notReady: 'The owner’s computer is still getting ready.',
    strange: 'The owner’s computer gave an answer that this page does not understand. Reload it.',
    unreachable:
      'The owner’s computer does not answer. Perhaps the work has not begun, or is over.',
    noRuntime: (python: string) =>
      `The owner uses Python ${python}, for which there is no browser version yet. This device cannot help.`,
  },

  download: {
    blob: 'The data of the work',
    mismatch: (name: string) =>
      `${name} arrived damaged: its checksum is wrong, so nothing of it was run. Start again; if it happens again, tell whoever sent you the link.`,
    failed: (name: string) =>
      `${name} could not be downloaded. Check the connection and start again.`,
    refused: (status: number) =>
      status === 401 || status === 403
        ? 'This link is not valid any more. Ask for a new one.'
        : `The owner’s computer refused a download (status ${status}).`,
  },

  /** Of refusals that are nobody's fault, by their codes. */
  refusalHeadings: { owner: 'Sent home' } as Readonly<Record<string, string>>,

  /** By the code of a refusal; other codes show the coordinator's own sentence. */
  refusals: {
    token: 'This link is not valid any more. Ask for a new one.',
    role: 'This link is not for browsers. Ask for the volunteers’ link.',
    protocol: 'This page and the owner’s computer speak different versions. Reload the page.',
    malformed: 'The owner’s computer did not understand this page. Reload it.',
    results:
      'The owner’s computer could not read what this device sent, and has sent it away. Reload the page to try again.',
    owner:
      'The owner of the work has ended this device’s part in it. Thank you! Reload the page to offer it again.',
    dismissed:
      'The work failed on this device again and again, so it was sent away. Perhaps it has too little memory: reload the page to try again with fewer workers.',
  } as Readonly<Record<string, string>>,

  failures: {
    frame: 'The sandbox did not open. This browser may be too old, or an extension blocks it.',
    start: (step: StepName) =>
      `Python did not start in this browser; it failed while ${steps[step]}. A newer browser or fewer workers may help.`,
    deadline: (step: StepName) => `It took too long: ${steps[step]}.`,
    died: 'A worker stopped unexpectedly and is replaced. The others go on.',
    fewer: 'Not all workers could be started. The others go on.',
    unknown: 'Something went wrong in this page.',
  },

  /** What the owner reads about a chunk that came back unanswered. */
  reasons: {
    cancelled: 'the chunk was cancelled',
    snapshot: 'the worker could not start from a snapshot of memory',
    unknownMap: 'the chunk came without its map',
    strange: 'the worker sent something that is no answer to its chunk',
  },
} as const;
