import { describe, expect, it } from 'vitest';
import { type BootProfile, bootProfileBodySchema } from '../../../protocol/boot-profile.ts';
import { type MachineRule, machineRuleSchema } from '../../../protocol/machine-rule.ts';
import { chooseProfile } from '../../../server/boot-profiles/choose-profile.ts';
import { isLike, type MachineFacts } from '../../../server/machines/machine-rule.ts';

const machine: MachineFacts = {
  uuid: '8A6E0804-2bd0-4672-b79d-d97027f9071a',
  macs: ['52:54:00:00:00:01', 'a0:36:9f:00:00:02'],
  manufacturer: 'Dell Inc.',
  product: 'PowerEdge R740',
  serial: 'CZ-0815',
  addresses: ['fe80::1', '10.0.3.7'],
  tags: ['Büro', 'first floor'],
};

function profile(id: string, ...rules: MachineRule[]): BootProfile {
  return { id, ...bootProfileBodySchema.parse({ name: id, rules }), createdAt: '2026-11-28T00:00:00Z' };
}

describe('a boot profile', () => {
  it.each<[MachineRule, boolean]>([
    [{ manufacturer: 'dell*' }, true],
    [{ manufacturer: 'dell' }, false],
    [{ manufacturer: '*', product: 'PowerEdge R?40' }, true],
    [{ manufacturer: 'Dell*', product: 'OptiPlex*' }, false],
    [{ mac: '52-54-00' }, true],
    [{ mac: 'A0:36:9F' }, true],
    [{ mac: '00:54' }, false],
    [{ uuid: '8a6e0804-2bd0-4672-b79d-d97027f9071a' }, true],
    [{ uuid: '1b4e28ba-2fa1-41d2-883f-0016d3cca427' }, false],
    [{ subnet: '10.0.2.0/23' }, true],
    [{ subnet: '10.0.4.0/24' }, false],
    [{ subnet: 'fd00::/8' }, false],
    [{ mac: '52:54:00', subnet: '10.0.4.0/24' }, false],
    [{ serial: 'cz-*' }, true],
    [{ serial: 'cz' }, false],
    [{ tag: 'BÜRO'.normalize('NFD') }, true],
    [{ tag: 'first*' }, true],
    [{ tag: 'first' }, false],
  ])('with the rule %j is for the machine: %s', (rule, expected) => {
    expect(chooseProfile([profile('a', machineRuleSchema.parse(rule))], machine, null)?.id).toBe(
      expected ? 'a' : undefined,
    );
  });

  it('is the one that was set, else the first of which one rule fits, else none', () => {
    const profiles = [profile('never'), profile('a', { mac: '00' }, { mac: '52' }), profile('b', { mac: '52' })];
    expect(chooseProfile(profiles, machine, 'never')?.id).toBe('never');
    expect(chooseProfile(profiles, machine, null)?.id).toBe('a');
    expect(chooseProfile(profiles.slice(0, 1), machine, null)).toBe(null);
    expect(chooseProfile(profiles, machine, 'gone')?.id).toBe('a');
  });

  it('asks nothing of a machine of which nothing is known', () => {
    const unknown = { uuid: null, macs: [], manufacturer: null, product: null, serial: null, addresses: [], tags: [] };
    for (const rule of [
      { manufacturer: '*' },
      { product: '*' },
      { mac: '52' },
      { subnet: '0.0.0.0/0' },
      { tag: '*' },
    ]) {
      expect(chooseProfile([profile('a', rule)], unknown, null)).toBe(null);
    }
  });

  it.each([
    {},
    { mac: '5' },
    { mac: '52:54:00:00:00:01:02' },
    { subnet: '10.0.0.0' },
    { subnet: '10.0.0.0/33' },
    { uuid: 'x' },
    { manufacturer: '' },
    { model: 'x' },
  ])('takes no rule that could never fit: %j', (rule) => {
    expect(machineRuleSchema.safeParse(rule).success).toBe(false);
  });

  it.each(["a'b", 'a\nb', `a=\${uuid}`, 'a || b', 'a && b', 'a ; b', '# a', 'ä'])(
    'takes no arguments that could leave their line: %j',
    (text) => {
      expect(bootProfileBodySchema.safeParse({ name: 'x', arguments: text }).success).toBe(false);
    },
  );
});

describe('patterns', () => {
  it('know * and ?, and nothing else', () => {
    for (const [text, pattern] of [
      ['', '*'],
      ['abc', 'A*C'],
      ['abcbc', 'a*bc'],
      ['a.c', 'a?c'],
      ['日本電気', '日?電*'],
    ] as const) {
      expect([text, pattern, isLike(text, pattern)]).toEqual([text, pattern, true]);
    }
    for (const [text, pattern] of [
      ['abc', 'a.c'],
      ['abc', 'ab'],
      ['abc', '?'],
      ['', '?'],
    ] as const) {
      expect([text, pattern, isLike(text, pattern)]).toEqual([text, pattern, false]);
    }
  });

  it('of many stars are no work', () => {
    expect(isLike('a'.repeat(128), `${'*a'.repeat(60)}b`)).toBe(false);
  });
});
