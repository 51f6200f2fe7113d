// Boots an image in a virtual machine on an overlay, and says whether it came up. What counts as that: docs/operations/look-and-prove.md, "Proving an image".
import { access, constants } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { DeployError } from '../../protocol/errors.ts';
import { throwIfCancelled } from '../cancelled.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { type Accelerator, type DiskBus, type Firmware, VirtualMachine } from './virtual-machine.ts';

export type BootOptions = {
  /** Default: UEFI where the disk has an EFI system partition, else BIOS. */
  readonly firmware?: Firmware;
  /** Default: KVM where this machine offers it. */
  readonly accelerator?: Accelerator;
  readonly bus?: DiskBus;
  readonly memoryMiB?: number;
  /** Text on the serial line that means success; default: a login prompt. */
  readonly expect?: string;
  readonly timeoutMs?: number;
  /** Where a picture of the screen goes (PNG), taken when it came up and when it did not. */
  readonly screenshot?: string;
  readonly signal?: AbortSignal | undefined;
};

export type BootVerdict = {
  readonly firmware: Firmware;
  readonly accelerator: Accelerator;
  readonly booted: boolean;
  /** The line that was waited for, or the last lines of the serial line. */
  readonly evidence: string;
  readonly seconds: number;
};

const defaultTimeoutMs = 300_000;
const lookEveryMs = 200;
const loginPrompt = /^.*\blogin: *$/im;
const efiSystemTypes = ['c12a7328-f81f-11d2-ba4b-00a0c93ec93b', 'ef'];

/** Boots `diskFile`, a writable view of the image. @throws tool-missing, cancelled */
export async function bootImage(diskFile: string, manifest: Manifest, options: BootOptions): Promise<BootVerdict> {
  const startedMs = performance.now();
  const firmware = options.firmware ?? firmwareOf(manifest);
  const accelerator = options.accelerator ?? (await findAccelerator());
  const { sectorSizeBytes } = manifest.geometry;
  const machine = await VirtualMachine.start({
    ...{ diskFile, sectorSizeBytes, firmware, accelerator },
    // SATA is what every system has a driver for; its disks have sectors of 512 bytes.
    bus: options.bus ?? (sectorSizeBytes === 512 ? 'sata' : 'nvme'),
    memoryMiB: options.memoryMiB ?? 1024,
  });
  try {
    const evidence = await waitFor(machine, options);
    if (options.screenshot !== undefined && !machine.ended) await photograph(machine, options.screenshot);
    const seconds = Math.round(performance.now() - startedMs) / 1000;
    return { firmware, accelerator, booted: evidence !== null, evidence: evidence ?? lastWords(machine), seconds };
  } finally {
    await machine.stop();
  }
}

function firmwareOf({ partitions }: Manifest): Firmware {
  return partitions.some(({ type }) => type !== null && efiSystemTypes.includes(type)) ? 'uefi' : 'bios';
}

async function findAccelerator(): Promise<Accelerator> {
  return await access('/dev/kvm', constants.R_OK | constants.W_OK).then(
    () => 'kvm' as const,
    () => 'tcg' as const,
  );
}

/** The line that says that it is up; null when time ran out or the machine went off. */
async function waitFor(machine: VirtualMachine, options: BootOptions): Promise<string | null> {
  const deadlineMs = performance.now() + (options.timeoutMs ?? defaultTimeoutMs);
  for (;;) {
    throwIfCancelled(options.signal);
    const line = findEvidence(machine.serial, options.expect);
    if (line !== null) return line;
    if (machine.ended || performance.now() > deadlineMs) return null;
    await setTimeout(lookEveryMs);
  }
}

function findEvidence(serial: string, expected: string | undefined): string | null {
  if (expected === undefined) return loginPrompt.exec(serial)?.[0].trim() ?? null;
  return (
    serial
      .split('\n')
      .find((line) => line.includes(expected))
      ?.trim() ?? null
  );
}

async function photograph(machine: VirtualMachine, file: string): Promise<void> {
  await machine.photograph(file).catch((cause: unknown) => {
    throw new DeployError(
      'invalid-input',
      `the picture of the screen cannot be kept as ${file}: ${(cause as Error).message}`,
    );
  });
}

function lastWords(machine: VirtualMachine): string {
  const lines = machine.serial.trimEnd().split('\n').slice(-15);
  const words = [...lines, machine.complaints].filter((line) => line.trim() !== '').join('\n');
  const off = machine.ended ? 'the machine is off\n' : '';
  return `${off}${words || 'nothing was said on the serial line'}`;
}
