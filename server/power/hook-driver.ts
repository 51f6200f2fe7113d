// A program of the administrator's, for what no other driver reaches: hypervisors, power strips, a relay on a serial line.
import { access, constants, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { DeployError } from '../../protocol/errors.ts';
import type { PowerState, SettingsOf } from '../../protocol/power.ts';
import type { PowerDriver, PowerMachine } from './driver.ts';
import { runProgram } from './run-program.ts';

const timeoutMs = 40_000;

/** `hooksDir` is the server's `--hooks`; without it there are none. */
export function openHook(
  { program }: SettingsOf<'hook'>,
  machine: PowerMachine,
  hooksDir: string | undefined,
): PowerDriver {
  const run = async (action: string, signal: AbortSignal): Promise<string> => {
    const file = await findHook(hooksDir, program);
    return runProgram({ file, args: [action], env: factsOf(machine, action), timeoutMs, signal });
  };
  return {
    read: async (signal) => {
      const said = (await run('status', signal)).trim();
      if (said === 'on' || said === 'off' || said === 'unknown') return said satisfies PowerState;
      throw new DeployError(
        'power-failed',
        `the hook ${program} said neither on, off nor unknown when asked for the status`,
      );
    },
    ask: async (change, signal) => {
      await run(change, signal);
    },
    bootFromNetwork: async (signal) => {
      await run('network-boot', signal);
    },
  };
}

/** @throws DeployError power-unsupported when hooks are off, or the file is not one that only an administrator can have put there */
export async function findHook(hooksDir: string | undefined, program: string): Promise<string> {
  if (hooksDir === undefined) {
    throw new DeployError('power-unsupported', 'this server runs no hooks', {
      hint: 'Start it with --hooks and the folder that holds them.',
    });
  }
  const refuse = (why: string) => new DeployError('power-unsupported', `the hook ${program} in ${hooksDir} ${why}`);
  const folder = await realpath(hooksDir).catch(() => hooksDir);
  const file = await realpath(path.join(folder, program)).catch(() => null);
  if (file === null) throw refuse('is not there');
  if (path.dirname(file) !== folder) throw refuse('leads out of the folder');
  for (const place of [folder, file]) {
    const { uid, mode } = await stat(place);
    if ((uid !== 0 && uid !== process.getuid?.()) || (mode & 0o022) !== 0)
      throw refuse('can be changed by other users than the owner of the server');
  }
  if (!(await stat(file)).isFile()) throw refuse('is not a file');
  await access(file, constants.X_OK).catch(() => {
    throw refuse('is not executable');
  });
  return file;
}

function factsOf({ id, name, uuid, macs, addresses }: PowerMachine, action: string): Record<string, string> {
  return {
    DEPLOY_OS_ACTION: action,
    DEPLOY_OS_MACHINE_ID: id,
    DEPLOY_OS_MACHINE_NAME: name,
    DEPLOY_OS_MACHINE_UUID: uuid ?? '',
    DEPLOY_OS_MACHINE_MACS: macs.join(' '),
    DEPLOY_OS_MACHINE_ADDRESSES: addresses.join(' '),
  };
}
