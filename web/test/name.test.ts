import { describe, expect, it } from 'vitest';
import { deviceName } from '../src/link/name';

const KHTML = 'AppleWebKit/537.36 (KHTML, like Gecko)';

describe('the name of a device', () => {
  it.each([
    [
      'Mozilla/5.0 (Android 15; Mobile; rv:153.0) Gecko/153.0 Firefox/153.0',
      'Firefox 153, Android',
    ],
    [
      `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${KHTML} Chrome/131.0.0.0 Safari/537.36 Edg/131.0`,
      'Edge 131, Windows',
    ],
    [
      `Mozilla/5.0 (X11; Linux x86_64) ${KHTML} Chrome/131.0.0.0 Safari/537.36`,
      'Chrome 131, Linux',
    ],
    [
      `Mozilla/5.0 (Linux; Android 14) ${KHTML} SamsungBrowser/27.0 Chrome/125.0 Mobile Safari/537.36`,
      'Samsung Internet 27, Android',
    ],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1',
      'Safari 18, iOS',
    ],
    [
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Safari/605.1.15',
      'Safari 17, macOS',
    ],
    ['Mozilla/5.0 (X11; Linux x86_64) Something/1.0', 'Linux'],
  ])('is read from %s', (userAgent, name) => {
    expect(deviceName(userAgent)).toBe(name);
  });

  it('is left out where nothing is known', () => {
    expect(deviceName('curl')).toBeUndefined();
  });

  it('fits into a hello, whatever the browser calls itself', () => {
    expect(deviceName(`Firefox/${'9'.repeat(500)} Android`)?.length).toBeLessThanOrEqual(64);
  });
});
