// The I/O worker: network, timers, dispatch. It exists because a hidden tab stops the main thread's
// timers but never a dedicated worker's, and because chunks need not pass the main thread.
import computeSource from 'virtual:compute-source';
import { Snapshots } from './assets/snapshots';
import { deviceName } from './link/name';
import type { FromDevice, ToDevice } from './messages';
import { never } from './messages';
import { Device } from './pool/device';

const tell = (message: FromDevice) => postMessage(message);
let device: Device | undefined;

function open(token: string, origin: string): Device {
  const address = `${origin.replace(/^http/, 'ws')}/socket`;
  const opened = new Device(token, {
    fetch: (input, init) => fetch(new URL(String(input), origin), init),
    dial: () => new WebSocket(address),
    random: Math.random,
    name: deviceName(navigator.userAgent),
    computeSource,
    snapshots: new Snapshots(),
    report: (snapshot) => tell({ type: 'snapshot', snapshot }),
  });
  void opened.look();
  addEventListener('online', () => opened.retry());
  new PerformanceObserver((entries) => {
    for (const entry of entries.getEntries() as PerformanceResourceTiming[]) {
      opened.downloaded(entry.transferSize);
    }
  }).observe({ type: 'resource' });
  return opened;
}

addEventListener('message', ({ data: message }: MessageEvent<ToDevice>) => {
  switch (message.type) {
    case 'open':
      device ??= open(message.token, message.origin);
      return;
    case 'settings':
      return device?.choose(message.settings, message.workers);
    case 'conditions':
      return device?.observe(message.conditions);
    case 'start':
      return device?.start(message.frame);
    case 'wish':
      return device?.wish(message.wish);
    case 'retry':
      return device?.retry();
    case 'stop':
      return device?.stop();
    default:
      return never(message);
  }
});
