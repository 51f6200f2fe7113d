// The flags of `scenario create`, as commander reads them, and the step that they become.
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { readStep, type StepFlags, withStepOptions } from '../../cli/scenario-step.ts';
import { stepSchema } from '../../protocol/scenario.ts';

async function stepOf(words: string): Promise<unknown> {
  const command = withStepOptions(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return stepSchema.parse(await readStep(command.parse(words.split(' '), { from: 'user' }).opts<StepFlags>()));
}

test.each([
  [
    '--capture a --disk only --unpartitioned',
    { kind: 'capture', source: { by: 'only' }, image: 'a', unpartitioned: true },
  ],
  ['--capture a --disk serial:Q1', { kind: 'capture', source: { by: 'serial', serial: 'Q1' }, image: 'a' }],
  [
    '--capture a --disk only --parent b --level 3 --partition 1 --partition 4 --rescue --member --allow-shared',
    {
      ...{ kind: 'capture', source: { by: 'only' }, image: 'a', parent: 'b' },
      ...{ level: 3, partitions: [1, 4], rescue: true, member: true, allowShared: true },
    },
  ],
  [
    '--restore a --disk number:2 --grow last --shrink --new-ids --was b --delta always --accept-lost --member --allow-shared',
    {
      ...{ kind: 'restore', image: 'a', target: { by: 'number', number: 2 }, holes: 'discard' },
      ...{
        grow: 'last',
        shrink: true,
        newIds: true,
        was: 'b',
        delta: 'always',
        acceptLost: true,
        member: true,
        allowShared: true,
      },
    },
  ],
  [
    '--restore a --disk wwn:5 --holes leave --partition 2 --to-partition 0 --grow 2:vg0/root',
    {
      ...{ kind: 'restore', image: 'a', target: { by: 'wwn', wwn: '5' }, holes: 'leave' },
      ...{ partition: 2, toPartition: 0, grow: 2, growVolume: 'vg0/root' },
    },
  ],
  [
    '--capture lab-{n} --disk internal,bus:nvme,size:200GB-1.5TiB,model:SAMSUNG* --disk image:web',
    {
      ...{ kind: 'capture', image: 'lab-{n}' },
      source: {
        by: 'each',
        of: [
          {
            ...{ by: 'where', internal: true, bus: 'nvme', model: 'SAMSUNG*' },
            ...{ minBytes: 200e9, maxBytes: 1.5 * 2 ** 40 },
          },
          { by: 'image', image: 'web' },
        ],
      },
    },
  ],
  [
    '--restore a --disk size:-2TB',
    { kind: 'restore', image: 'a', target: { by: 'where', maxBytes: 2e12 }, holes: 'discard' },
  ],
  ['--check', { kind: 'check' }],
  [
    '--duplicate golden --disk internal --grow last --host-name {machine}',
    {
      ...{ kind: 'restore', image: 'golden', target: { by: 'where', internal: true }, holes: 'discard' },
      ...{ grow: 'last', newIds: true, newIdentity: true, hostName: '{machine}' },
    },
  ],
  [
    '--wipe overwrite --disk only --pattern random --member --allow-shared',
    {
      ...{ kind: 'wipe', target: { by: 'only' }, method: 'overwrite', pattern: 'random' },
      ...{ member: true, allowShared: true },
    },
  ],
  ['--wipe secure-erase --disk only', { kind: 'wipe', target: { by: 'only' }, method: 'secure-erase' }],
  ['--wipe auto --disk number:2', { kind: 'wipe', target: { by: 'number', number: 2 }, method: 'auto' }],
])('%s', async (words, step) => {
  expect(await stepOf(words)).toEqual(step);
});

test.each([
  ['--capture a --disk only --disk number:2', '{n}'],
  ['--restore a --disk size:2TB', 'is no disk'],
  ['--restore a --disk size:-', 'is no disk'],
  ['--restore a --disk size:0GB-', 'is no disk'],
  ['--restore a --disk sda', 'is no disk'],
  ['--restore a --disk internal,sda', 'is no disk'],
  ['--restore a', 'which disk'],
  ['--wipe shred --disk only', '--wipe'],
  ['--wipe discard --disk only --pattern random', 'pattern'],
  ['--wipe auto', 'which disk'],
  ['--wipe auto --disk only --partition 1', '--partition goes with'],
  ['--check --pattern random', '--pattern goes with --wipe'],
  ['--check --timeout 5', '--timeout goes with --script'],
  ['--script /nonexistent', 'cannot be read'],
  ['--script /nonexistent --member', '--member goes with'],
  ['--check --wipe auto', 'give one of'],
  ['--duplicate a --restore b --disk only', 'give one of'],
  ['--duplicate a --check --disk only', 'give one of'],
  ['--check --partition 1', '--partition goes with'],
  ['--check --member', '--member goes with'],
  ['--check --allow-shared', '--allow-shared goes with'],
  ['--check --parent a', '--parent goes with --capture'],
  ['--capture a --disk only --new-ids', '--new-ids goes with --restore'],
  ['--capture a --disk only --level high', 'level'],
  ['--restore a --disk only --rescue', '--rescue goes with --capture'],
  ['--restore a --disk only --grow first', 'grow'],
  ['--restore a --disk only --grow none:root', 'grow'],
  ['--restore a --disk only --grow 2:', 'grow'],
  ['--restore a --disk only --partition 1 --partition 2', 'one --partition'],
  ['--restore a --disk only --to-partition 2', 'toPartition'],
  ['--restore a --disk only --partition 1 --shrink', 'shrink'],
  ['--restore a --disk only --delta sometimes', '--delta'],
])('refuses %s', async (words, why) => {
  await expect(stepOf(words)).rejects.toThrow(why);
});
