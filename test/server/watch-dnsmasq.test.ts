// R1: boot services that run and do not serve any more are started again; those that never served, and those that answer, are left alone.
import type { FastifyBaseLogger } from 'fastify';
import { expect, test, vi } from 'vitest';
import { watchDnsmasq } from '../../server/dhcp/watch-dnsmasq.ts';
import type { TftpAnswer } from '../../server/doctor/fetch-tftp.ts';
import { eventually } from './support.ts';

const heard = { kind: 'error', message: 'file not found' } as const;
const silence = { kind: 'silence', blocksReceived: 0 } as const;

/** What is asked one after the other, and how often it was started anew at the end. */
async function restartsOf(answers: readonly TftpAnswer[]): Promise<number> {
  let processId = 1;
  const restart = vi.fn(() => {
    processId++;
  });
  const ask = vi.fn(async () => answers[ask.mock.calls.length - 1] ?? heard);
  const dnsmasq = {
    restart,
    stop: async () => {},
    get processId() {
      return processId;
    },
  };
  const end = watchDnsmasq({ dnsmasq, ask, everyMs: 1, log: { error: () => {} } as unknown as FastifyBaseLogger });
  await eventually(async () => ask.mock.calls.length > answers.length);
  end();
  return restart.mock.calls.length;
}

test.each([
  ['always answers', [heard, heard, heard, heard], 0],
  ['never has', [silence, silence, silence, silence, silence], 0],
  ['is silent for a moment', [heard, silence, silence, heard, silence, silence], 0],
  ['falls silent', [heard, silence, silence, silence], 1],
  ['was started anew, and does not answer yet', [heard, silence, silence, silence, silence, silence, silence], 1],
] as const)('one that %s', async (_, answers, restarts) => {
  expect(await restartsOf(answers)).toBe(restarts);
});
