import { describe, expect, it, test, vi } from 'vitest';
import { takeToken } from '../src/link/token';

const TOKEN = 'psbo27gz7PRxmErtItQHwQ';

function setUp(hash: string, stored: string | null = null) {
  const past = { replaceState: vi.fn() };
  const storage = { getItem: vi.fn(() => stored), setItem: vi.fn() };
  const take = () => takeToken({ hash, pathname: '/', search: '' }, past, storage);
  return { take, past, storage };
}

describe('the token', () => {
  it('leaves the address bar at once and stays for a reload', () => {
    const { take, past, storage } = setUp(`#${TOKEN}`);

    expect(take()).toEqual({ state: 'present', token: TOKEN });
    expect(past.replaceState).toHaveBeenCalledWith(null, '', '/');
    expect(storage.setItem).toHaveBeenCalledWith('nitocris-token', TOKEN);
  });

  it('comes back after a reload', () => {
    expect(setUp('', TOKEN).take()).toEqual({ state: 'present', token: TOKEN });
  });

  it('is missed', () => {
    expect(setUp('').take()).toEqual({ state: 'missing' });
  });

  test.each(['#', '#short', `#${TOKEN}x`, `#${TOKEN.slice(1)}!`])('%s is none', (hash) => {
    const { take, storage } = setUp(hash);

    expect(take().state).not.toBe('present');
    expect(storage.setItem).not.toHaveBeenCalled();
  });

  it('of a new link replaces the one of the old', () => {
    const other = 'A'.repeat(22);

    expect(setUp(`#${other}`, TOKEN).take()).toEqual({ state: 'present', token: other });
  });
});
