// `deploy-os image-check` and what else of the command line knows of checks, against a real server.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { expect, it } from 'vitest';
import { damageChunk, withImages } from '../server/with-images.ts';

const main = path.join(import.meta.dirname, '../../cli/main.ts');

const deployOs = (...args: string[]) =>
  new Promise<{ code: number; stdout: string; stderr: string }>((resolve) =>
    execFile(process.execPath, [main, ...args], (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    ),
  );

it('images are checked, listed, shown and stopped by the command line, which exits as they ended', async () => {
  await withImages(async (_, here, { dataDir, running }) => {
    const data = ['--data', dataDir];
    const whole = await deployOs('image-check', 'start', 'one', '--watch', ...data);
    expect([whole.code, whole.stdout]).toEqual([0, expect.stringMatching(/verify of 'one': passed\n/)]);
    await damageChunk(here);
    const damaged = await deployOs('image-check', 'start', 'one', '--watch', '--json', ...data);
    expect([damaged.code, JSON.parse(damaged.stdout)]).toEqual([7, expect.objectContaining({ state: 'failed' })]);
    const { id } = JSON.parse(damaged.stdout);
    const shown = await deployOs('image-check', 'show', id, ...data);
    expect(shown.stdout).toContain('chunk-corrupt: bytes 0 to 1048575');
    expect((await deployOs('image-check', 'list', 'one', ...data)).stdout).toMatch(/failed .* chunk-corrupt/);
    expect((await deployOs('image-check', 'cancel', id, ...data)).stdout).toBe(`failed: ${id}\n`);
    const store = ['--store', running.url, '--ca', running.caFingerprint, '--token', running.operatorToken];
    const image = JSON.parse((await deployOs('image', 'show', 'one', '--json', ...store)).stdout);
    expect(image).toMatchObject({ name: 'one', health: { verify: { outcome: 'failed', checkId: id }, prove: null } });
    expect((await deployOs('image', 'show', 'one', ...store)).stdout).toMatch(
      /verified: FAILED at .* \(chunk-corrupt\)/,
    );
    const settings = await deployOs('settings', 'verify-images', '--every', '30', ...data);
    expect(settings.stdout).toContain('every image verified: every 30 days');
  });
}, 120_000);
