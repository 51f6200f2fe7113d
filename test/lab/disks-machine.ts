// A machine whose disks are the matter, started with the stand-in of test/fixtures/initramfs/disks-agent.ts, which does what it is told by the second serial line.
import assert from 'node:assert/strict';
import { appendFile, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Disk } from '../../imaging/blockdev/disk.ts';
import { listDisks } from '../../imaging/blockdev/list-disks.ts';
import { listRecorded } from '../../imaging/blockdev/record.ts';
import type { ProgressPhase } from '../../imaging/progress.ts';
import type { WipeOptions } from '../../imaging/wipe/wipe-disk.ts';
import { buildDeployOs } from '../../initramfs/build.ts';
import type { StepResult } from '../../protocol/agent-messages.ts';
import type { DiskSpec, NicSpec } from '../../scripts/lab/machine-spec.ts';
import { NetworkNamespace } from '../../scripts/lab/network-namespace.ts';
import { Machine } from '../../scripts/lab/qemu.ts';
import { packScript } from '../fixtures/guest.ts';

const standIns = path.join(import.meta.dirname, '../fixtures/initramfs');
const bootWithinMs = 300_000;
/** By hand: the folder for recordings of the machines, which become tests (test/imaging/blockdev/recorded.test.ts). */
const recordTo = process.env.DEPLOY_OS_LAB_RECORD;

export type SeenDisks = {
  readonly disks: readonly Disk[];
  /** Serial numbers by device path, for whatever the kernel has called them this time. */
  readonly serials: Readonly<Record<string, string>>;
  /** What was said while they were put together. */
  readonly log: readonly string[];
};

type Refused = { readonly code: string; readonly message: string; readonly hint: string };
type Copied = {
  readonly notes: readonly string[];
  /** The codes of both preflights. */
  readonly findings: { readonly capture: readonly string[]; readonly restore: readonly string[] };
};

type DisksOptions = {
  readonly folder: string;
  readonly disks: readonly DiskSpec[];
  readonly nics?: readonly NicSpec[];
  /** Run in the machine before it looks for disks, with kernel modules that the Deploy-OS does not have. */
  readonly before?: { readonly modules: readonly string[]; readonly script: string };
  /** One that is there already; it is closed with the machine. */
  readonly network?: NetworkNamespace;
};

export type JobDone = {
  readonly results: readonly StepResult[];
  readonly error: { readonly code: string; readonly message: string; readonly hint?: string } | null;
  readonly log: readonly string[];
};

export class DisksMachine {
  readonly machine: Machine;
  readonly #network: NetworkNamespace;
  readonly #orders: net.Socket;
  #read = 0;

  private constructor(machine: Machine, network: NetworkNamespace) {
    this.machine = machine;
    this.#network = network;
    this.#orders = net.connect(machine.files.ordersSocket).resume();
  }

  static async start(name: string, options: DisksOptions): Promise<DisksMachine> {
    const { folder, disks, nics = [], before, network = await NetworkNamespace.create() } = options;
    const outDir = path.join(folder, 'deploy-os');
    const agentEntry = path.join(standIns, 'disks-agent.ts');
    await buildDeployOs({ outDir, agentEntry });
    const [vmlinuz, initramfs] = ['vmlinuz', 'initramfs.img'].map((file) => path.join(outDir, file)) as [
      string,
      string,
    ];
    // The archive is padded to whole four bytes, as the kernel wants where another begins.
    if (before !== undefined) await appendFile(initramfs, await packScript(before));
    const kernel = { vmlinuz, initramfs, options: 'console=ttyS0,115200 panic=-1' };
    const spec = { name, bootFrom: 'kernel', kernel, disks, nics, memoryMiB: 512 } as const;
    return new DisksMachine(await Machine.start(spec, network, folder), network);
  }

  /** What there is when it has booted, and after each further look. */
  async disks(): Promise<SeenDisks> {
    const from = this.#read;
    const { disks, serials } = (await this.#answer('disks')) as Omit<SeenDisks, 'log'>;
    const said = this.machine.readSerial().slice(from, this.#read);
    if (recordTo !== undefined && from === 0) await this.#record(recordTo);
    return { disks, serials, log: said.match(/(?<=^stand-in: (?:info|warning|error) ).*/gm) ?? [] };
  }

  /** Looks again, as before each step of a job. */
  async lookAgain(): Promise<SeenDisks> {
    this.#orders.write('disks\n');
    return await this.disks();
  }

  /** Captures one and restores it onto the other; what the image says of partitions is the answer. */
  async copy(from: string, to: string, options: { allowMember?: true } = {}): Promise<Copied> {
    this.#orders.write(`${options.allowMember ? 'copy-member' : 'copy'} ${from} ${to}\n`);
    return (await this.#answer('copied')) as Copied;
  }

  /** Looks for a disk as a job does; `meanwhile` happens when it has seen that there is none. */
  async find(id: string, meanwhile: () => Promise<void>): Promise<{ devicePath: string }> {
    this.#orders.write(`find ${id}\n`);
    await this.#answer('info');
    await meanwhile();
    return (await this.#answer('found')) as { devicePath: string };
  }

  /** Restores what was copied last under an approval of the present disks, and is refused for what happens `meanwhile`: after the step has chosen its disk. */
  async restoreApproved(id: string, meanwhile: () => Promise<void>): Promise<Refused> {
    this.#orders.write(`restore-approved ${id}\n`);
    await this.#answer('chosen');
    await meanwhile();
    this.#orders.write('go\n');
    return (await this.#answer('refused')) as Refused;
  }

  /** The same, which is refused. */
  async refuse(from: string, to: string): Promise<Refused> {
    this.#orders.write(`refuse ${from} ${to}\n`);
    return (await this.#answer('refused')) as Refused;
  }

  /** Wipes a disk; answers what was done, or the code that refused it, and what the read-back showed. */
  async wipe(devicePath: string, method: WipeOptions['method']): Promise<{ done: string; verified: string }> {
    this.#orders.write(`wipe ${devicePath} ${method}\n`);
    return (await this.#answer('wiped')) as { done: string; verified: string };
  }

  /** Runs steps as a job does; cancelled when one of them comes to the phase. */
  async runJob(steps: readonly object[], cancelIn?: ProgressPhase): Promise<JobDone> {
    this.#orders.write(`job ${JSON.stringify({ steps, cancelIn })}\n`);
    return (await this.#answer('done')) as JobDone;
  }

  /** The same, while all paths to each of them fail one after the other, and come back. */
  async copyLosingPaths(from: string, to: string): Promise<void> {
    this.#orders.write(`copy-losing-paths ${from} ${to}\n`);
    await this.#answer('copied');
  }

  /** Has an array compare its members so slowly that it never ends. */
  async slowResync(devicePath: string): Promise<void> {
    this.#orders.write(`slow-resync ${devicePath}\n`);
    await this.#answer('slowed');
  }

  /** What the kernel said of paths. */
  async pathEvents(): Promise<string[]> {
    this.#orders.write('kernel\n');
    return (await this.#answer('kernel')) as string[];
  }

  /** Ends it as the agent does. */
  async end(): Promise<void> {
    this.#orders.write('end\n');
    await this.machine.waitForPowerOff(bootWithinMs);
  }

  /** What `deploy-os disks --record` writes on this machine; it must list the disks that the machine itself lists. */
  async #record(folder: string): Promise<void> {
    this.#orders.write('record\n');
    const { gzip, disks } = (await this.#answer('recorded')) as { gzip: string; disks: Disk[] };
    const recording = Buffer.from(gzip, 'base64');
    await writeFile(path.join(folder, `${this.machine.spec.name}.json.gz`), recording);
    assert.deepEqual(await listRecorded(gunzipSync(recording).toString(), listDisks), disks);
  }

  async #answer(what: string): Promise<unknown> {
    const pattern = new RegExp(`^stand-in: (${what}|failed) (.*)\n`, 'm');
    const unread = () => this.machine.readSerial().slice(this.#read);
    await this.machine.waitUntil(`the answer '${what}'`, bootWithinMs, async () => pattern.test(unread()));
    const found = pattern.exec(unread());
    this.#read += (found?.index ?? 0) + (found?.[0].length ?? 0);
    if (found?.[1] !== what) throw new Error(`the stand-in failed: ${found?.[2]}`);
    return JSON.parse(found[2] ?? '');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine.kill();
    this.#orders.destroy();
    this.#network.close();
  }
}
