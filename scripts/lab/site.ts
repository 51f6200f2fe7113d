// One run of the lab: a network, a management server in it, machines beside it, and a folder with all they leave.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, open, readdir, rm, truncate } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job, Machine as ManagedMachine } from '../../protocol/rest.ts';
import type { LabMachine } from '../../test/lab/machines.ts';
import { DeployServer, type ServerSettings } from './deploy-server.ts';
import { makeMachineDisk } from './machine-disk.ts';
import type { MachineSpec } from './machine-spec.ts';
import { NetworkNamespace } from './network-namespace.ts';
import { Machine } from './qemu.ts';
import { runCommand } from './run-command.ts';

const deployOs = path.join(import.meta.dirname, '../../cli/deploy-os');
/** From power-on by PXE to a registered agent; about 40 s on two idle cores without KVM. */
const registerWithinMs = 240_000;

export class Site {
  /** Everything of this run: disks, logs, the server's data. Short, because sockets are in it. */
  readonly folder: string;
  readonly network: NetworkNamespace;
  readonly server: DeployServer;
  readonly #machines: Machine[] = [];

  private constructor(folder: string, network: NetworkNamespace, server: DeployServer) {
    this.folder = folder;
    this.network = network;
    this.server = server;
  }

  /** A folder for this run. Of earlier runs that failed or were killed only the logs stay from now on. */
  static async makeFolder(): Promise<string> {
    for (const name of await readdir(os.tmpdir())) {
      const pid = /^deploy-lab-(\d+)-/.exec(name)?.[1];
      if (pid !== undefined && !existsSync(`/proc/${pid}`)) await removeAllButLogs(path.join(os.tmpdir(), name));
    }
    const folder = await mkdtemp(path.join(os.tmpdir(), `deploy-lab-${process.pid}-`));
    // dnsmasq serves the boot files as an ordinary user.
    await chmod(folder, 0o755);
    return folder;
  }

  /** Starts network and server on what `deploy-os build` left in FOLDER/boot. */
  static async open(folder: string, options: Partial<ServerSettings> = {}): Promise<Site> {
    const network = await NetworkNamespace.create();
    const [dataDir, bootDir] = [path.join(folder, 'data'), path.join(folder, 'boot')];
    const logPath = path.join(folder, 'server.log');
    const server = await DeployServer.start({ network, dataDir, bootDir, logPath, ...options });
    return new Site(folder, network, server);
  }

  /** Makes the disks of a lab machine; the answer can be started as often as wanted. */
  async furnish(name: string, lab: LabMachine): Promise<MachineSpec> {
    const disks = [];
    for (const [i, { content, ...disk }] of lab.disks.entries()) {
      const file = path.join(this.folder, `${name}-${i}.raw`);
      if (content === 'debian-12') await runCommand('cp', ['--sparse=always', await makeMachineDisk(), file]);
      else await makeBlankDisk(file, content.blankBytes);
      disks.push({ ...disk, file });
    }
    return { ...lab, name, disks };
  }

  async powerOn(spec: MachineSpec): Promise<Machine> {
    const machine = await Machine.start(spec, this.network, this.folder);
    this.#machines.push(machine);
    return machine;
  }

  /** Waits until the agent of a machine that boots from the network has registered; answers the server's entry. */
  async waitForAgent(machine: Machine): Promise<ManagedMachine> {
    const deadlineMs = performance.now() + registerWithinMs;
    for (;;) {
      const listed = await this.server.read<ManagedMachine[]>('/v1/machines');
      const uuid = machine.spec.uuid;
      const found = listed.find((entry) => entry.online && entry.inventory?.smbios.uuid === uuid);
      if (found !== undefined) return found;
      if (performance.now() > deadlineMs || !machine.isRunning) {
        throw machine.failure('its agent to register', registerWithinMs);
      }
      await sleep(1000);
    }
  }

  /** Waits until `holds` is true of what the server knows of a machine. */
  async waitForMachine(
    id: string,
    holds: (machine: ManagedMachine) => boolean,
    timeoutMs: number,
  ): Promise<ManagedMachine> {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const machine = await this.server.read<ManagedMachine>(`/v1/machines/${id}`);
      if (holds(machine)) return machine;
      if (performance.now() > deadlineMs) throw new Error(`machine ${id} is ${JSON.stringify(machine)}`);
      await sleep(500);
    }
  }

  /** Waits until `holds` is true of a job, such as that it has ended; a job that ends otherwise throws. */
  async waitForJob(id: string, holds: (job: Job) => boolean, timeoutMs: number): Promise<Job> {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const job = await this.server.read<Job>(`/v1/jobs/${id}`);
      if (holds(job)) return job;
      if (job.endedAt !== null || performance.now() > deadlineMs) {
        throw new Error(`job ${id} is ${job.state}: ${JSON.stringify(job.error ?? job.progress)}`);
      }
      await sleep(500);
    }
  }

  /** Creates a scenario by the flags of `deploy-os scenario create` and runs it on an approved machine; answers the job's id. */
  async startJob(scenario: string, flags: readonly string[], machineId: string): Promise<string> {
    await this.server.ask('scenario', 'create', scenario, ...flags);
    const { id } = await this.server.ask<Job>('job', 'run', '--scenario', scenario, '--machine', machineId);
    return id;
  }

  /** Ends everything; of its folder stays what is asked for. */
  async close(keep: 'everything' | 'logs' | 'nothing'): Promise<void> {
    await Promise.all(this.#machines.map((machine) => machine.kill()));
    await this.server.stop();
    this.network.close();
    if (keep !== 'everything') await removeAllButLogs(this.folder);
    if (keep === 'nothing') await rm(this.folder, { recursive: true });
  }
}

async function removeAllButLogs(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.log')) await rm(path.join(folder, name), { recursive: true });
  }
}

async function makeBlankDisk(file: string, sizeBytes: number): Promise<void> {
  await (await open(file, 'w')).close();
  await truncate(file, sizeBytes);
}

/** `deploy-os build` into FOLDER/boot, from its own cache where nothing changed; what it says goes to our stderr or FOLDER/build.log. */
export async function buildBootFiles(folder: string, say: 'aloud' | 'to the log'): Promise<void> {
  const args = ['build', '--out', path.join(folder, 'boot')];
  if (say === 'aloud') execFileSync(deployOs, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  else await runCommand(deployOs, args, { logPath: path.join(folder, 'build.log') });
}
