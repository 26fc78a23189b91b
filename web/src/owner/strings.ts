// Every word that the owner reads on the dashboard, in one place; what both pages say is in
// ../strings.
import { strings } from '../strings';
import type { Kind, MapStats } from './stats';

const { number } = strings;
const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

function counted(count: number, one: string, many: string): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** No more exactly than it matters. */
function duration(seconds: number): string {
  if (seconds < 0.001) return 'under 1 ms';
  if (seconds < 1) return `${number(Math.round(seconds * 1000))} ms`;
  return seconds < 60 ? `${short.format(seconds)} s` : strings.tally.spent(seconds);
}

const kinds: Readonly<Record<Kind, string>> = { browser: 'browser', native: 'native' };

export const ownerStrings = {
  title: {
    idle: (title: string) => `${title} · Nitocris`,
    done: (percent: number, title: string) => `${percent} % · ${title}`,
    away: (title: string) => `No answer · ${title}`,
    none: 'Dashboard · Nitocris',
  },

  headline: {
    label: 'Dashboard',
    running: (maps: number) => (maps === 1 ? 'One map is running' : `${maps} maps are running`),
    away: 'No answer',
    workless: 'Waiting for a device',
    idle: 'No map is running',
    idleText: 'What the program maps next shows up here by itself.',
    worklessText: 'The work begins with the first device that opens the link.',
    uptime: (seconds: number) => `up for ${strings.tally.spent(seconds)}`,
  },

  refusals: {
    heading: 'This link does not open the dashboard',
    token:
      'The token is wrong or not valid any more. Open the link that the program printed last, “for you alone”; it is also d.dashboard_url.',
    strange:
      'The program gave an answer that this page does not understand, perhaps because it is of another version. Reload the page.',
    missing:
      'This link is incomplete. Open the whole link, d.dashboard_url; it ends in # and 22 characters.',
  },

  away: {
    never: 'The program does not answer. Perhaps it has not started, or it has ended.',
    since: (time: string) =>
      `No answer since ${time}: the program has ended, or the connection is lost. What you see is how things were then.`,
    again: (seconds: number) =>
      seconds > 0
        ? `Asking again in ${counted(seconds, 'second', 'seconds')}.`
        : 'Asking again now.',
  },

  asking: 'Asking how things are…',

  maps: {
    label: (map: MapStats) => `Progress of map ${map.number}, ${map.function}`,
    name: (map: MapStats) => `map ${map.number}`,
    done: (done: number, total: number | null) =>
      total === null
        ? `${counted(done, 'item', 'items')} done so far`
        : `${number(done)} of ${counted(total, 'item', 'items')}`,
    percent: (percent: number) => `${percent} %`,
    failed: (count: number) => `${number(count)} failed`,
    more: (count: number) => `and ${counted(count, 'more map', 'more maps')}`,
  },

  figures: {
    done: 'items done',
    devices: (count: number) => (count === 1 ? 'device' : 'devices'),
    kinds: (browsers: number, natives: number) =>
      [
        ...(browsers ? [counted(browsers, 'browser', 'browsers')] : []),
        ...(natives ? [`${number(natives)} native`] : []),
      ].join(', ') || 'none yet',
    capacity: (chunks: number) => `${counted(chunks, 'chunk', 'chunks')} at once`,
    retries: (count: number) => `${counted(count, 'chunk', 'chunks')} lent again`,
    sent: (bytes: number) => `${strings.bytes(bytes)} sent`,
    received: (bytes: number) => `${strings.bytes(bytes)} received`,
  },

  workers: {
    heading: 'Devices',
    none: 'No device has joined yet.',
    noneText:
      'Let somebody scan the code, or open the link on any device yourself, and press Start there.',
    noneNative: 'Run `nitocris worker` with the worker link that the program printed.',
    columns: {
      device: 'Device',
      capacity: 'At once',
      leases: 'Chunks',
      items: 'Items',
      rate: 'Per second',
      chunk: 'Items a chunk',
      failures: 'Failures',
      roundTrip: 'Round trip',
      silent: 'Last heard',
      action: 'Send away',
    },
    kinds,
    nameless: { browser: 'Browser', native: 'Native worker' } as Readonly<Record<Kind, string>>,
    name: (kind: Kind, number: number) => `${kinds[kind]} worker ${number}`,
    ago: (seconds: number) => (seconds < 1.5 ? 'now' : `${strings.tally.spent(seconds)} ago`),
    duration,
    rate: (rate: number) => short.format(rate),
    count: number,
    unknown: '–',
    unknownAloud: 'unknown',
    more: (count: number) =>
      `${counted(count, 'more device is', 'more devices are')} connected; shown are those that fail most, then the oldest.`,
  },

  dismissal: {
    open: 'Send away',
    openAloud: (name: string) => `Send away ${name}`,
    heading: (name: string) => `Send ${name} away?`,
    text: (kind: Kind) =>
      `What it has begun is done by other devices. It does not come back by itself, only when somebody ${
        kind === 'browser' ? 'reloads its page' : 'starts it again'
      }.`,
    confirm: 'Send away',
    cancel: 'Keep it',
    pending: 'sent away',
    done: (name: string) => `You sent ${name} away. It does not come back by itself.`,
    failed: (name: string) => `${name} could not be sent away: the program does not answer.`,
  },

  errors: {
    heading: 'Errors',
    none: 'None so far.',
    count: (count: number) => counted(count, 'item', 'items'),
    first: (index: number, map: number, worker: string) =>
      `first: item ${number(index)} of map ${map}, on ${worker}`,
    traceback: 'Traceback',
    tracebackOf: (error: string) => `Traceback of ${error}`,
    more: (count: number) => `and ${counted(count, 'other error', 'other errors')}`,
  },

  share: {
    heading: 'Link for volunteers',
    text: 'Whoever opens it can lend a device to the work. It runs in a sandbox there.',
    qr: 'QR code of the link for volunteers',
    copy: 'Copy',
    copied: 'Copied.',
    select: 'Selected: copy it with your keyboard.',
    enlarge: 'Show large',
    shrink: 'Close',
    none: 'This execution admits native workers only, so there is no link for volunteers.',
  },
} as const;
