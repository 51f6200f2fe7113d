// A virtual machine that boots an image's disk: QEMU without a network, what it says on its serial line, and a picture of its screen.
import { type ChildProcess, spawn } from 'node:child_process';
import { access, copyFile, mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { DeployError } from '../../protocol/errors.ts';
import { errnoOf } from '../chunk/device-io.ts';

export type Firmware = 'bios' | 'uefi';
export type Accelerator = 'kvm' | 'tcg';
export type DiskBus = 'sata' | 'virtio' | 'nvme';

export type MachineOptions = {
  /** A raw disk, which it writes to. */
  readonly diskFile: string;
  readonly sectorSizeBytes: number;
  readonly firmware: Firmware;
  readonly accelerator: Accelerator;
  readonly bus: DiskBus;
  readonly memoryMiB: number;
};

/** Where distributions keep OVMF: code, and a pristine store of variables. */
const ovmfFiles = [
  ['/usr/share/OVMF/OVMF_CODE_4M.fd', '/usr/share/OVMF/OVMF_VARS_4M.fd'],
  ['/usr/share/OVMF/OVMF_CODE.fd', '/usr/share/OVMF/OVMF_VARS.fd'],
  ['/usr/share/edk2/ovmf/OVMF_CODE.fd', '/usr/share/edk2/ovmf/OVMF_VARS.fd'],
  ['/usr/share/edk2/x64/OVMF_CODE.4m.fd', '/usr/share/edk2/x64/OVMF_VARS.4m.fd'],
  ['/usr/share/qemu/ovmf-x86_64-code.bin', '/usr/share/qemu/ovmf-x86_64-vars.bin'],
] as const;

const program = 'qemu-system-x86_64';
const maxSerialLength = 2 ** 20;

// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal control sequences begin with ESC
const controlSequences = /\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\r/g;

export class VirtualMachine {
  readonly #process: ChildProcess;
  readonly #folder: string;
  #serial = '';
  #complaints = '';
  #ended = false;

  private constructor(child: ChildProcess, folder: string) {
    this.#process = child;
    this.#folder = folder;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#serial = (this.#serial + text).slice(-maxSerialLength);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints = (this.#complaints + text).slice(-4096);
    });
    child.on('close', () => {
      this.#ended = true;
    });
  }

  /** Powers it on. @throws tool-missing (QEMU or OVMF) */
  static async start(options: MachineOptions): Promise<VirtualMachine> {
    const folder = await mkdtemp(path.join(tmpdir(), 'deploy-os-vm-'));
    try {
      const args = [...(await firmwareArguments(options.firmware, folder)), ...machineArguments(options, folder)];
      const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
      await started(child);
      return new VirtualMachine(child, folder);
    } catch (thrown) {
      await rm(folder, { recursive: true, force: true });
      throw thrown;
    }
  }

  /** What it said on its serial line, without the control sequences of a terminal. */
  get serial(): string {
    return this.#serial.replace(controlSequences, '');
  }

  /** Whether it is off: it switched itself off, or QEMU gave up. */
  get ended(): boolean {
    return this.#ended;
  }

  /** QEMU's own complaints. */
  get complaints(): string {
    return this.#complaints.trim();
  }

  /** A picture of its screen, as PNG, to `file`. */
  async photograph(file: string): Promise<void> {
    await askQmp(path.join(this.#folder, 'qmp'), 'screendump', { filename: path.resolve(file), format: 'png' });
  }

  /** Pulls the plug. */
  async stop(): Promise<void> {
    this.#process.kill('SIGKILL');
    while (!this.#ended) await setTimeout(20);
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function started(child: ChildProcess): Promise<void> {
  await new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  }).catch((thrown: unknown) => {
    const code = errnoOf(thrown) === 'ENOENT' ? 'tool-missing' : 'internal';
    throw new DeployError(code, `${program} cannot be started: ${(thrown as Error).message}`, {
      cause: thrown,
      hint: 'Install QEMU for x86 (Debian: qemu-system-x86, and ovmf for UEFI).',
    });
  });
}

async function firmwareArguments(firmware: Firmware, folder: string): Promise<string[]> {
  // Without graphics SeaBIOS speaks on the serial line, where a disk that does not boot can be read.
  if (firmware === 'bios') return ['-machine', 'q35,graphics=off'];
  for (const [code, variables] of ovmfFiles) {
    if (!(await isThere(code)) || !(await isThere(variables))) continue;
    const own = path.join(folder, 'variables.fd');
    await copyFile(variables, own);
    const flash = (unit: number, file: string, more: string) => `if=pflash,unit=${unit},format=raw,file=${file}${more}`;
    return ['-machine', 'q35', '-drive', flash(0, code, ',readonly=on'), '-drive', flash(1, own, '')];
  }
  throw new DeployError('tool-missing', 'OVMF, the UEFI firmware for virtual machines, is not installed', {
    hint: 'Install it (Debian: ovmf), or choose --firmware bios.',
  });
}

async function isThere(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}

const devices: Record<DiskBus, string> = { sata: 'ide-hd', virtio: 'virtio-blk-pci', nvme: 'nvme' };

function machineArguments(options: MachineOptions, folder: string): string[] {
  const { diskFile, sectorSizeBytes, accelerator, bus, memoryMiB } = options;
  const sectors = `logical_block_size=${sectorSizeBytes},physical_block_size=${sectorSizeBytes}`;
  return [
    ...(accelerator === 'kvm' ? ['-accel', 'kvm', '-cpu', 'host'] : ['-accel', 'tcg,thread=multi', '-cpu', 'max']),
    ...['-smp', '2', '-m', String(memoryMiB), '-nodefaults', '-no-user-config', '-display', 'none', '-vga', 'std'],
    // A machine that is proved must not meet its original, or a domain controller: no network.
    ...['-nic', 'none', '-device', 'virtio-rng-pci'],
    ...['-chardev', 'stdio,id=serial0,signal=off', '-serial', 'chardev:serial0'],
    ...['-qmp', `unix:${path.join(folder, 'qmp')},server=on,wait=off`],
    // The overlay goes with the machine: nobody has to wait until it is on a medium. Commas are QEMU's separators, doubled in a name.
    ...['-drive', `if=none,id=disk0,format=raw,cache=unsafe,file=${diskFile.replaceAll(',', ',,')}`],
    ...['-device', `${devices[bus]},drive=disk0,bootindex=0,serial=PROVE,${sectors}`],
  ];
}

/** One command over QEMU's control socket (https://www.qemu.org/docs/master/interop/qmp-spec.html). */
async function askQmp(socketPath: string, execute: string, args: Record<string, unknown>): Promise<void> {
  const socket = net.connect(socketPath);
  let said = '';
  const replies = () => said.split('\n').filter((line) => line.startsWith('{"return"') || line.startsWith('{"error"'));
  await new Promise<void>((resolve, reject) => {
    socket.setTimeout(10_000, () => reject(new Error('QEMU does not answer')));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('QEMU has gone')));
    socket.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const [, reply] = replies();
      if (reply === undefined) return;
      if (reply.startsWith('{"return"')) resolve();
      else reject(new Error(reply));
    });
    const commands = [{ execute: 'qmp_capabilities' }, { execute, arguments: args }];
    socket.write(commands.map((command) => `${JSON.stringify(command)}\n`).join(''));
  }).finally(() => socket.destroy());
}
