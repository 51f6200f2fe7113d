import { expect, it } from 'vitest';
import { describeRule, listOf, ruleOf } from '../../console/pages/settings/rules.ts';
import { settingsTexts } from '../../console/pages/settings/texts.ts';

it('rules are filled in and said', () => {
  expect(ruleOf({ product: ' Z2* ', mac: '', subnet: '10.0.0.0/24' })).toEqual({
    product: 'Z2*',
    subnet: '10.0.0.0/24',
  });
  expect(ruleOf({ product: ' ' })).toBeNull();
  expect(describeRule({ subnet: '10.0.0.0/24', product: 'Z2*' }, settingsTexts.en)).toBe(
    'Model Z2*, Address in 10.0.0.0/24',
  );
  expect(listOf(' a, b、 ,c d ')).toEqual(['a', 'b', 'c d']);
});
