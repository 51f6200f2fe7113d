import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseBondChoice } from '../../../agent/1-boot/bond-choice.ts';

const usual = [
  ['mode', 'active-backup'],
  ['miimon', '100'],
] as const;

it('reads a name and members, by kernel name or MAC address in any spelling', () => {
  expect(parseBondChoice('bond0:eth0,enp3s0')).toEqual({
    name: 'bond0',
    members: ['eth0', 'enp3s0'],
    options: usual,
  });
  expect(parseBondChoice('b:52:54:00:AA:00:01,52-54-00-aa-00-02:')).toEqual({
    name: 'b',
    members: ['52:54:00:aa:00:01', '52:54:00:aa:00:02'],
    options: usual,
  });
});

it('sets the mode first, and delays after the interval that they are rounded to', () => {
  expect(
    parseBondChoice('bond0:eth0,52:54:00:aa:00:02:updelay=200,xmit_hash_policy=layer3+4,miimon=50,mode=802.3ad'),
  ).toMatchObject({
    members: ['eth0', '52:54:00:aa:00:02'],
    options: [
      ['mode', '802.3ad'],
      ['miimon', '50'],
      ['updelay', '200'],
      ['xmit_hash_policy', 'layer3+4'],
    ],
  });
});

it('names what is wrong', () => {
  const wrong = {
    '': /is wanted/,
    bond0: /is wanted/,
    'bond0:': /is wanted/,
    'bond0:eth0,': /is wanted/,
    'bond0:eth0/..': /is wanted/,
    '../x:eth0': /is wanted/,
    'a-name-that-is-too-long:eth0': /is wanted/,
    'bond0:eth0,eth0': /twice/,
    'bond0:52:54:00:aa:00:01,52-54-00-AA-00-01': /twice/,
    'eth0:eth0,eth1': /of the bond and of a member/,
    'bond0:eth0:mode=fast': /'fast' is no value of mode: active-backup, 802\.3ad/,
    'bond0:eth0:mode=802x3ad': /is no value of mode/,
    'bond0:eth0:miimon=often': /'often' is no value of miimon/,
    'bond0:eth0:slaves=+eth9': /'slaves' is none of its options/,
    'bond0:eth0:constructor=1': /'constructor' is none/,
  };
  for (const [text, fault] of Object.entries(wrong)) expect(parseBondChoice(text), text).toMatch(fault);
});

it('makes no path out of what it is given', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (name, members) => {
      const choice = parseBondChoice(`${name}:${members}`);
      if (typeof choice === 'string') return;
      for (const part of [choice.name, ...choice.members, ...choice.options.flat()]) expect(part).not.toMatch(/[/\s]/);
    }),
  );
});
