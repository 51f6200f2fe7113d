import { describe, expect, it } from 'vitest';
import { LoginThrottle } from '../../server/people/login-throttle.ts';

describe('the throttle of logins', () => {
  it('lets a name and an address wait longer with each failure, and forgets in time', () => {
    const throttle = new LoginThrottle();
    const waits = Array.from({ length: 8 }, () => {
      throttle.failed('ann', 'a', 0);
      return throttle.waitMs('Ann', 'a', 0);
    });
    expect(waits).toEqual([0, 0, 0, 0, 5000, 10_000, 20_000, 40_000]);
    expect(throttle.waitMs('ann', 'b', 0)).toBe(0);
    expect(throttle.waitMs('ann', 'a', 31 * 60_000)).toBe(0);
    throttle.succeeded('ann', 'a');
    expect(throttle.waitMs('ann', 'a', 0)).toBe(0);
  });

  it('lets an address wait that tries many names', () => {
    const throttle = new LoginThrottle();
    for (let i = 0; i < 49; i++) throttle.failed(`user ${i}`, 'a', 0);
    expect(throttle.waitMs('new', 'a', 0)).toBe(0);
    throttle.failed('one more', 'a', 0);
    expect(throttle.waitMs('new', 'a', 0)).toBe(5000);
    for (let i = 0; i < 100; i++) throttle.failed('again', 'a', 0);
    expect(throttle.waitMs('new', 'a', 0)).toBe(15 * 60_000);
  });
});
