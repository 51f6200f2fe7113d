import { expect, test } from 'vitest';
import { runBounded } from '../../../agent/1-boot/bounded-tool.ts';

test('what a tool says on both streams is kept, and its failure is named', async () => {
  expect(await runBounded('sh', ['-c', 'echo one; echo two >&2; exit 3'], 10_000)).toEqual({
    ok: false,
    said: 'one\ntwo\nsh ended with 3',
  });
});

test('a tool that hangs is left after its time', async () => {
  const startMs = performance.now();
  const { ok, said } = await runBounded('sh', ['-c', 'echo begun; exec sleep 30'], 500);
  expect({ ok, said }).toEqual({ ok: false, said: 'begun\nsh did not end within 0.5 s' });
  expect(performance.now() - startMs).toBeLessThan(10_000);
});

test('a daemon that a tool leaves behind is not waited for', async () => {
  const startMs = performance.now();
  expect(await runBounded('sh', ['-c', 'sleep 20 & echo started'], 10_000)).toEqual({ ok: true, said: 'started' });
  expect(performance.now() - startMs).toBeLessThan(10_000);
});

test('a tool that is not there is a failure like others', async () => {
  const { ok, said } = await runBounded('no-such-tool', [], 1000);
  expect(ok).toBe(false);
  expect(said).toContain('ENOENT');
});
