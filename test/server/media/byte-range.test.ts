import { expect, it } from 'vitest';
import { parseRange } from '../../../server/media/byte-range.ts';

it.each([
  [undefined, null],
  ['bytes=0-', { start: 0, end: 100 }],
  ['bytes=10-19', { start: 10, end: 20 }],
  ['bytes=99-', { start: 99, end: 100 }],
  ['bytes=90-1000', { start: 90, end: 100 }],
  ['bytes=-10', { start: 90, end: 100 }],
  ['bytes=-1000', { start: 0, end: 100 }],
  ['bytes=100-', 'unsatisfiable'],
  ['bytes=999999999999999-', 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=20-10', null],
  ['bytes=0-1,5-6', null],
  ['bytes=-', null],
  ['bytes=9999999999999999-', null],
  ['lines=1-2', null],
  ['bytes=0x1-', null],
])('the header Range %j of a file of 100 bytes means %j', (header, expected) => {
  expect(parseRange(header, 100)).toEqual(expected);
});
