// The main thread's part of the sandbox: it puts the frame into the page and hands it one port,
// whose other end goes to the I/O worker. Removing the frame ends every compute worker at once.
import { FRAME_READY } from '../messages';

/** Opens the sandbox and returns the port that leads to it, and a way to close it. */
export function openFrame(): { readonly port: MessagePort; close(): void } {
  const { port1: near, port2: far } = new MessageChannel();
  const frame = document.createElement('iframe');
  frame.setAttribute('sandbox', 'allow-scripts');
  frame.setAttribute('allow', '');
  frame.referrerPolicy = 'no-referrer';
  frame.src = '/sandbox';
  frame.hidden = true;
  frame.title = 'Sandbox';

  function meet(event: MessageEvent<unknown>): void {
    if (event.source !== frame.contentWindow || event.origin !== 'null') return;
    if (event.data !== FRAME_READY) return;
    removeEventListener('message', meet);
    // An opaque origin cannot be named, hence '*'; the port is all that the frame learns.
    frame.contentWindow?.postMessage('port', '*', [far]);
  }

  addEventListener('message', meet);
  document.body.append(frame);
  return {
    port: near,
    close() {
      removeEventListener('message', meet);
      frame.remove();
    },
  };
}
