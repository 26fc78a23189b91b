import { describe, expect, it } from 'vitest';
import { Throughput } from '../src/owner/throughput';

describe('the throughput', () => {
  it('is one value a second, the mean of the last ten', () => {
    const throughput = new Throughput();
    for (let second = 0; second <= 20; second++) throughput.add(second, second < 10 ? 0 : 50);

    const history = throughput.history();

    expect(history).toHaveLength(20);
    expect(history[8]).toBe(0);
    expect(history[9]).toBe(5);
    expect(history.at(-2)).toBe(5);
    expect(history.at(-1)).toBe(0);
  });

  it('has no jump where nobody looked for a minute', () => {
    const throughput = new Throughput();
    throughput.add(10.5, 0);
    throughput.add(70.5, 600);

    const rates = throughput.history();

    expect(rates).toHaveLength(59);
    for (const rate of rates) expect(rate).toBeCloseTo(10);
  });

  it('holds five minutes, however long nobody looked', () => {
    const throughput = new Throughput();
    throughput.add(0, 0);
    throughput.add(1e6, 2e6);
    throughput.add(1e6 + 1, 2e6 + 2);

    expect(throughput.history()).toHaveLength(300);
    expect(throughput.history().at(-1)).toBeCloseTo(2);
  });

  it('begins anew with another run of the program', () => {
    const throughput = new Throughput();
    throughput.add(100, 500);
    throughput.add(110, 600);

    throughput.add(1, 0);
    throughput.add(2, 4);

    expect(throughput.history()).toEqual([4]);
  });

  it('shows nothing before two looks', () => {
    const throughput = new Throughput();
    throughput.add(5, 10);

    expect(throughput.history()).toEqual([]);
  });
});
