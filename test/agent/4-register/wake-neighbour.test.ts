import { expect, it } from 'vitest';
import { wakeNeighbour } from '../../../agent/4-register/wake-neighbour.ts';

it('says in one line what came of waking a neighbour, and never fails', async () => {
  const said: string[] = [];
  const wake = { type: 'wake' as const, macs: ['52:54:00:00:00:07'], port: 40_009 };
  await wakeNeighbour(wake, (level, text) => said.push(`${level}: ${text}`));
  // A machine without a network has nowhere to send to.
  expect(said).toEqual([
    expect.stringMatching(/^(info: sent magic packets to wake|warning: waking) 52:54:00:00:00:07/),
  ]);
});
