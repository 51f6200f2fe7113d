import { expect, it } from 'vitest';
import { Status } from '../../../agent/screen/status.ts';
import { lineTerminal, showStatus } from '../../../agent/screen/terminals.ts';
import { en } from '../../../agent/screen/words/en.ts';

const job = {
  title: 'j',
  step: 0,
  steps: 1,
  phase: 'write',
  bytesDone: 0,
  bytesTotal: 100,
  bytesTransferred: 0,
  bytesPerSecond: 1,
};

it('writes each message and each new state once on a serial line', () => {
  const written: string[] = [];
  const status = new Status('https://10.0.0.1:1');
  const end = showStatus(status, [lineTerminal((text) => written.push(text), en)], 60_000);
  status.log('warning', 'half duplex');
  status.update({ stage: ({ stage }) => stage.registering });
  end();
  expect(written).toEqual(['Deploy-OS | starting\r\n', 'WARNING: half duplex\r\n', 'Deploy-OS | registering\r\n']);
});

it('draws no more often than it is told to, however often progress is reported', async () => {
  let draws = 0;
  const status = new Status('');
  const end = showStatus(status, [{ draw: () => draws++, log: () => {} }], 100);
  const endMs = performance.now() + 450;
  while (performance.now() < endMs) {
    for (let i = 0; i < 1000; i++) status.setJob({ ...job, bytesDone: i });
    await new Promise((resolve) => setImmediate(resolve));
  }
  end();
  expect(draws).toBeLessThanOrEqual(7);
});
