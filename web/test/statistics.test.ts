import { describe, expect, it } from 'vitest';
import { HISTORY_S, Statistics } from '../src/pool/statistics';

function setUp() {
  let now = 0;
  const statistics = new Statistics(() => now);
  const wait = (seconds: number) => {
    now += seconds * 1000;
  };
  return { statistics, wait };
}

describe('the statistics', () => {
  it('give the mean of the last ten seconds as the rate', () => {
    const { statistics, wait } = setUp();
    for (let second = 0; second < 20; second++) {
      statistics.countItems(4);
      wait(1);
    }

    expect(statistics.tally()).toMatchObject({ items: 80, rate: 3.6 });
    wait(5);
    expect(statistics.tally().rate).toBeCloseTo(1.6);
    wait(10);
    expect(statistics.tally().rate).toBe(0);
  });

  it('divide by the time that has passed at the beginning', () => {
    const { statistics, wait } = setUp();
    statistics.countItems(6);
    wait(1);

    expect(statistics.tally().rate).toBe(3);
  });

  it('keep one value a second for five minutes', () => {
    const { statistics, wait } = setUp();
    for (let second = 0; second < 400; second++) {
      statistics.countItems(1);
      wait(1);
    }

    const { history, items } = statistics.tally();

    expect(items).toBe(400);
    expect(history).toHaveLength(HISTORY_S);
    expect(history[0]).toBeCloseTo(1);
  });

  it('survive a night of sleep', () => {
    const { statistics, wait } = setUp();
    statistics.countItems(5);
    wait(8 * 3600);
    statistics.countItems(10);

    const tally = statistics.tally();

    expect(tally).toMatchObject({ items: 15, rate: 1 });
    expect(tally.history.length).toBeLessThanOrEqual(HISTORY_S);
  });

  it('add up the items that raised', () => {
    const { statistics } = setUp();
    statistics.countRaised(2);
    statistics.countRaised(0);
    statistics.countRaised(1);

    expect(statistics.tally().raised).toBe(3);
  });

  it('add up the time of all workers', () => {
    const { statistics } = setUp();
    statistics.countChunk(1500);
    statistics.countChunk(500);

    expect(statistics.tally()).toMatchObject({ chunks: 2, seconds: 2 });
  });

  it('give a steady rate since the work began, of the last minute at most', () => {
    const { statistics, wait } = setUp();
    wait(500);
    statistics.beginJob();
    statistics.countItems(30);
    wait(2);
    expect(statistics.tally().steadyRate).toBe(10);

    wait(57);
    expect(statistics.tally().steadyRate).toBe(0.5);
    wait(1);
    expect(statistics.tally().steadyRate).toBe(0);
  });
});
