// `deploy-os image prove`: is an image good for a restore? Asked of its chunks, its file systems' own tools, and a virtual machine.
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { BootOptions } from '../imaging/prove/boot.ts';
import { type ProveResult, proofError, proveImage } from '../imaging/prove/prove-image.ts';
import type { Accelerator, DiskBus, Firmware } from '../imaging/prove/virtual-machine.ts';
import { failWith, formatBytes, printJson } from './output.ts';
import { type StoreOptions, usingStore, withStore } from './store-option.ts';
import { withProgress } from './with-progress.ts';

type Flags = StoreOptions & {
  json?: true;
  boot?: true;
  expect?: string;
  timeout?: number;
  firmware?: Firmware;
  accel?: Accelerator;
  bus?: DiskBus;
  memory?: number;
  screenshot?: string;
};

/** Adds `prove` to `deploy-os image`. */
export function addVerb(image: Command): void {
  withStore(image.command('prove <name>'))
    .description(
      'Check every chunk of an image and, on an overlay, every file system with its own tool; --boot boots it',
    )
    .option('--boot', 'boot it in QEMU, without a network, and wait for a login prompt on the serial line')
    .option('--expect <text>', 'text on the serial line that means success, instead of a login prompt')
    .option('--timeout <seconds>', 'how long it may take to come up (default: 300)', atLeast(1))
    .addOption(
      new Option('--firmware <kind>', 'default: uefi if it has an EFI system partition').choices(['bios', 'uefi']),
    )
    .addOption(new Option('--accel <kind>', 'default: kvm where there is a /dev/kvm').choices(['kvm', 'tcg']))
    .addOption(
      new Option('--bus <kind>', 'how the disk is attached (default: sata)').choices(['sata', 'virtio', 'nvme']),
    )
    .option('--memory <MiB>', 'memory of the virtual machine (default: 1024)', atLeast(64))
    .option('--screenshot <file>', 'keep a picture of its screen (PNG)')
    .option('--json', 'print the result as JSON')
    .action(prove);
}

function atLeast(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`a whole number from ${least} on is wanted`);
  };
}

async function prove(name: string, flags: Flags): Promise<void> {
  const boot = flags.boot ? { boot: bootOptions(flags) } : {};
  const result = await usingStore(flags, (store) =>
    withProgress((run) => proveImage({ ...run, imageName: name, store, ...boot })),
  );
  if (flags.json) printJson(result);
  else printProof(result);
  failWith(proofError(result));
}

function bootOptions({ expect, timeout, firmware, accel, bus, memory, screenshot }: Flags): BootOptions {
  return {
    ...(expect === undefined ? {} : { expect }),
    ...(timeout === undefined ? {} : { timeoutMs: timeout * 1000 }),
    ...(firmware === undefined ? {} : { firmware }),
    ...(accel === undefined ? {} : { accelerator: accel }),
    ...(bus === undefined ? {} : { bus }),
    ...(memory === undefined ? {} : { memoryMiB: memory }),
    ...(screenshot === undefined ? {} : { screenshot }),
  };
}

function printProof({ usedBytes, fileSystems, boot, seconds }: ProveResult): void {
  const lines = [`chunks: all ${formatBytes(usedBytes)} in use are whole`];
  for (const { number, fileSystem, verdict, tool, said } of fileSystems) {
    const what = `${number === 0 ? 'disk' : `partition ${number}`}: ${fileSystem ?? 'unknown'}`;
    lines.push(verdict === 'unproved' ? `${what}: unproved: ${said}` : `${what}: ${verdict} (${tool})`);
    if (verdict === 'faulty') lines.push(...said.split('\n').map((line) => `  ${line}`));
  }
  if (boot !== null) {
    const { firmware, accelerator, booted, evidence, seconds: took } = boot;
    const verdict = booted ? `came up in ${took.toFixed(1)} s: ${evidence}` : 'did not come up';
    lines.push(`boot: ${firmware}, ${accelerator}: ${verdict}`);
  }
  process.stdout.write(`${[...lines, `time: ${seconds.toFixed(1)} s`].join('\n')}\n`);
}
