// Decides what a machine that asks for its boot script shall boot: the Deploy-OS when there is something to do, else its own disk.
import type { Context } from '../context.ts';
import { normalizeMac } from '../machines/identity.ts';
import { registerMachine } from '../machines/register-machine.ts';
import { issueBootToken } from '../tokens/boot-tokens.ts';
import { writeDeployGrubScript, writeLocalGrubScript, writeUnknownGrubScript } from './grub-script.ts';
import { writeDeployScript, writeLocalScript, writeUnknownScript } from './ipxe-script.ts';

const maxValueLength = 128;

type Loader = 'ipxe' | 'grub';

const words = {
  ipxe: { deploy: writeDeployScript, local: writeLocalScript, unknown: writeUnknownScript },
  grub: { deploy: writeDeployGrubScript, local: writeLocalGrubScript, unknown: writeUnknownGrubScript },
};

export async function writeMachineScript(
  context: Context,
  loader: Loader,
  server: string,
  query: URLSearchParams,
): Promise<string> {
  const value = (name: string): string => (query.get(name) ?? '').slice(0, maxValueLength);
  const mac = normalizeMac(value('mac'));
  const { db, log, config, authority } = context;
  const facts = { uuid: value('uuid') || null, macs: mac === null ? [] : [mac] };
  const machine = await registerMachine(db, { ...facts, approve: config.approve });
  if (machine === null) return words[loader].unknown();
  // One that never registered does so first: nobody could choose its disks yet.
  const registered = machine.state === 'approved' && machine.inventory !== null;
  const idle = registered && !(await hasUnfinishedJob(context, machine.id));
  log.info({ machine: machine.name, state: machine.state, boots: idle ? 'own disk' : 'Deploy-OS' }, 'boot script');
  if (idle) return words[loader].local(value('platform'));
  const token = await issueBootToken(db, machine.id);
  const caFingerprint = authority.fingerprint;
  return words[loader].deploy({ server, caFingerprint, token, mac, kernelArguments: config.kernelArguments });
}

async function hasUnfinishedJob({ db }: Context, machineId: string): Promise<boolean> {
  const job = await db
    .selectFrom('jobs')
    .select('id')
    .where('machineId', '=', machineId)
    .where('state', 'in', ['queued', 'running'])
    .executeTakeFirst();
  return job !== undefined;
}
