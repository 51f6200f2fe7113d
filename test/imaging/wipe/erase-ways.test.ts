// Which of a disk's own ways a wipe takes: never a weaker one than was asked for, and a refusal that says why.
import { expect, it } from 'vitest';
import { wipeMethods as methodsOfConsole } from '../../../console/pages/scenario/draft.ts';
import { chooseEraseWay, erasesItself, eraseWays, wipeMethods } from '../../../imaging/wipe/erase-ways.ts';
import { wipeMethods as methodsOfSteps } from '../../../protocol/scenario.ts';

const choose = (method: (typeof wipeMethods)[number], ways: readonly string[], hindrances: readonly string[] = []) =>
  chooseEraseWay(method, { ways, hindrances }, 'disk 1');

it('auto takes the strongest that there is, whatever the order in which a disk names them, and else overwrites', () => {
  expect(choose('auto', [...eraseWays].reverse())).toBe('sanitize-block');
  expect(choose('auto', ['format-user-data', 'secure-erase-normal', 'sanitize-crypto'])).toBe('sanitize-crypto');
  expect(choose('auto', ['secure-erase-normal', 'secure-erase-enhanced'])).toBe('secure-erase-enhanced');
  expect(choose('auto', [])).toBeNull();
  expect(choose('auto', ['something-of-tomorrow'])).toBeNull();
});

it('what is asked for is done or refused, with what hinders it and what there is', () => {
  expect(choose('crypto-erase', eraseWays)).toBe('sanitize-crypto');
  expect(choose('secure-erase', eraseWays)).toBe('secure-erase-enhanced');
  expect(choose('sanitize', ['format-user-data', 'format-crypto'])).toBe('format-crypto');
  expect(() => choose('sanitize', ['secure-erase-normal'])).toThrow(
    /cannot erase itself by sanitize; it has Secure Erase \(normal\)/,
  );
  expect(() => choose('secure-erase', [], ['it is frozen'])).toThrow(
    expect.objectContaining({
      code: 'wipe-unsupported',
      message: 'disk 1 cannot erase itself by secure-erase: it is frozen',
    }),
  );
  for (const method of ['overwrite', 'discard'] as const) {
    expect([erasesItself(method), choose(method, eraseWays)]).toEqual([false, null]);
  }
});

it('a scenario, the command line and the console know the same methods', () => {
  expect([methodsOfSteps, methodsOfConsole]).toEqual([wipeMethods, wipeMethods]);
});
