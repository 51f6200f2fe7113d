// Decides what a machine that asks for its boot script shall boot: the Deploy-OS when there is something to do, else its own disk.
import { approvedByServer } from '../approvals/approve-machine.ts';
import { bootOf, linkProfileFiles } from '../boot-profiles/boot-of.ts';
import type { Context } from '../context.ts';
import { isDue } from '../jobs/may-run.ts';
import { normalizeMac } from '../machines/identity.ts';
import { registerMachine } from '../machines/register-machine.ts';
import { issueBootToken } from '../tokens/boot-tokens.ts';
import { consolesFor, pathsFor } from './arm64-files.ts';
import { writeDeployGrubScript, writeLocalGrubScript, writeUnknownGrubScript } from './grub-script.ts';
import { writeDeployScript, writeLocalScript, writeUnknownScript } from './ipxe-script.ts';

const maxValueLength = 128;

const words = {
  ipxe: { deploy: writeDeployScript, local: writeLocalScript, unknown: writeUnknownScript },
  grub: { deploy: writeDeployGrubScript, local: writeLocalGrubScript, unknown: writeUnknownGrubScript },
};

export type ScriptRequest = {
  readonly loader: 'ipxe' | 'grub';
  /** `ADDRESS:PORT` of this server, as the machine is told. */
  readonly server: string;
  /** Where the machine asks from. */
  readonly address: string;
  /** What its boot loader says of it. */
  readonly query: URLSearchParams;
};

export async function writeMachineScript(context: Context, request: ScriptRequest): Promise<string> {
  const { loader, server, query, address } = request;
  const value = (name: string): string | null => (query.get(name) ?? '').slice(0, maxValueLength) || null;
  const mac = normalizeMac(value('mac') ?? '');
  const { db, log, config, authority } = context;
  const facts = { uuid: value('uuid'), macs: mac === null ? [] : [mac] };
  const machine = await registerMachine(db, {
    ...facts,
    serial: value('serial'),
    address,
    approvedBy: approvedByServer(config),
  });
  if (machine === null) return words[loader].unknown();
  // One that never registered does so first: nobody could choose its disks yet.
  const registered = machine.state === 'approved' && machine.inventory !== null;
  const idle = registered && !(await hasUnfinishedJob(context, machine.id));
  const told = { serial: value('serial'), manufacturer: value('manufacturer'), product: value('product') };
  const boot = idle ? null : await bootOf(context, machine, { ...facts, ...told, address });
  const boots = boot === null ? 'own disk' : 'Deploy-OS';
  log.info(
    { machine: machine.id, name: machine.name, state: machine.state, boots, profile: boot?.profile?.name },
    'boot script',
  );
  if (boot === null) return words[loader].local(value('platform') ?? '');
  if (loader === 'grub' && boot.profile !== null) await linkProfileFiles(config, boot.profile);
  const buildArch = value('buildarch');
  const token = await issueBootToken(db, machine.id);
  return words[loader].deploy({
    ...{ server, caFingerprint: authority.fingerprint, token, mac },
    ...{ paths: pathsFor(buildArch, boot.paths), notice: boot.notice },
    kernelArguments: [consolesFor(buildArch), config.kernelArguments, boot.kernelArguments]
      .filter((text) => text !== '')
      .join(' '),
  });
}

/** One that is held, or whose time has not come, does not keep a machine from its work. */
async function hasUnfinishedJob({ db }: Context, machineId: string): Promise<boolean> {
  const job = await db
    .selectFrom('jobs')
    .select('id')
    .where('machineId', '=', machineId)
    .where('state', 'in', ['queued', 'running'])
    // One that has begun may have left a disk that does not boot.
    .where((where) => where.or([where('handOuts', '>', 0), isDue(where)]))
    .executeTakeFirst();
  return job !== undefined;
}
