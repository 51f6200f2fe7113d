// Which page an address means.
import { expect, it } from 'vitest';
import { matchPattern } from '../../console/shell/match-route.ts';

it('an address fits a pattern of the same parts, and what it names is decoded', () => {
  expect(matchPattern('/machines', '/machines')).toEqual({});
  expect(matchPattern('/machines', '/machines/')).toEqual({});
  expect(matchPattern('/machines/:id', '/machines/a%2Fb%20c')).toEqual({ id: 'a/b c' });
  expect(matchPattern('/machines/:id', '/machines')).toBeNull();
  expect(matchPattern('/machines/:id', '/jobs/1')).toBeNull();
  expect(matchPattern('/machines/:id', '/machines/%E0%A4%A')).toBeNull();
  expect(matchPattern('/machines/:id', '/machines//')).toBeNull();
});
