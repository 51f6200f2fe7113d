import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { changePower } from '../../../server/power/change-power.ts';
import type { PowerMachine } from '../../../server/power/driver.ts';
import { findHook, openHook } from '../../../server/power/hook-driver.ts';
import { runProgram } from '../../../server/power/run-program.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';

const machine: PowerMachine = {
  ...{ id: 'm1', name: 'Büro 1; $(reboot)', uuid: 'u', firmware: 'bios' as const },
  ...{ macs: ['52:54:00:00:00:01', '52:54:00:00:00:02'], addresses: ['192.0.2.5'], networks: ['192.0.2.5/24'] },
};
const signal = AbortSignal.timeout(60_000);
const limits = { wholeMs: 20_000, pollMs: 20, pauseMs: 10 };

function withHooks(scripts: Record<string, string>, work: (folder: string) => Promise<void>): Promise<void> {
  return withTempDirectory(async (folder) => {
    for (const [name, text] of Object.entries(scripts)) {
      await writeFile(path.join(folder, name), `#!/bin/sh\ncd ${folder}\n${text}\n`);
      await chmod(path.join(folder, name), 0o700);
    }
    await work(folder);
  });
}

const keepsState = `
case $1 in
on | off) echo $1 > state ;;
soft) echo off > state ;;
status) cat state 2>/dev/null || echo off ;;
esac
env > "env.$1"`;

describe('a hook', () => {
  it('turns a machine on and off and is asked what it is', () =>
    withHooks({ relay: keepsState }, async (folder) => {
      const driver = openHook({ driver: 'hook', program: 'relay' }, machine, folder);
      for (const [action, state] of [
        ['on', 'on'],
        ['cycle', 'on'],
        ['soft', 'off'],
        ['status', 'off'],
      ] as const) {
        expect(await changePower(driver, action, { signal, limits })).toMatchObject({ state, verified: true });
      }
    }));

  it('is told of the machine in its environment, and nothing of the server', () =>
    withHooks({ facts: 'env; exit 1' }, async (folder) => {
      process.env.DEPLOY_OS_TOKEN = 'dop_secret';
      const driver = openHook({ driver: 'hook', program: 'facts' }, machine, folder);
      const failure: Error = await driver.ask('on', signal).then(Promise.reject, (thrown) => thrown);
      delete process.env.DEPLOY_OS_TOKEN;
      expect(failure).toMatchObject({ code: 'power-failed' });
      for (const fact of [
        ...['DEPLOY_OS_ACTION=on', 'DEPLOY_OS_MACHINE_ID=m1', 'DEPLOY_OS_MACHINE_NAME=Büro 1; $(reboot)'],
        'DEPLOY_OS_MACHINE_MACS=52:54:00:00:00:01 52:54:00:00:00:02',
      ]) {
        expect(failure.message).toContain(fact);
      }
      expect(failure.message).not.toContain('dop_secret');
    }));

  it('that does not know is believed; one that babbles is not', () =>
    withHooks({ blind: 'echo unknown', babbles: 'echo maybe' }, async (folder) => {
      const blind = openHook({ driver: 'hook', program: 'blind' }, machine, folder);
      expect(await changePower(blind, 'on', { signal, limits })).toMatchObject({ state: 'unknown', verified: false });
      const babbles = openHook({ driver: 'hook', program: 'babbles' }, machine, folder);
      await expect(babbles.read(signal)).rejects.toThrow('neither on, off nor unknown');
    }));

  it('is a file of that folder which only an administrator can have put there', () =>
    withHooks({ good: '', writable: '', plain: '' }, async (folder) => {
      await chmod(path.join(folder, 'writable'), 0o722);
      await chmod(path.join(folder, 'plain'), 0o600);
      await symlink('/bin/true', path.join(folder, 'link'));
      await mkdir(path.join(folder, 'folder'));
      expect(await findHook(folder, 'good')).toMatch(/\/good$/);
      await rm(path.join(folder, 'good'));
      for (const name of ['good', 'writable', 'plain', 'link', 'folder']) {
        await expect(findHook(folder, name), name).rejects.toMatchObject({ code: 'power-unsupported' });
      }
      await expect(findHook(undefined, 'good')).rejects.toThrow('this server runs no hooks');
      await chmod(folder, 0o777);
      await writeFile(path.join(folder, 'good'), '', { mode: 0o700 });
      await expect(findHook(folder, 'good')).rejects.toThrow('can be changed by other users');
    }));
});

describe('a program that turns machines on and off', () => {
  const run = (script: string, more: object = {}) =>
    runProgram({ file: '/bin/sh', args: ['-c', script], env: {}, timeoutMs: 5000, signal, ...more });

  it('is ended with what it started when its time is over, or whoever asked has gone', async () => {
    await expect(run('sleep 60 & sleep 60', { timeoutMs: 200 })).rejects.toThrow('did not end within 0.2 s');
    const stop = AbortSignal.timeout(100);
    await expect(run('sleep 60', { signal: stop })).rejects.toMatchObject({ code: 'cancelled' });
    await expect(run('sleep 60', { signal: stop })).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('says a bounded amount, and its errors in one line', async () => {
    expect((await run('yes | head -c 1000000')).length).toBeLessThan(40_000);
    await expect(run('printf "no\\033[2J\\nway" >&2; exit 3')).rejects.toThrow(/ended with 3: no \[2J way$/);
  });
});
