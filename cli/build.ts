// `deploy-os build`: makes the kernel, initramfs, ISO and netboot tree that managed machines boot.
import { rename, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { architectures } from '../initramfs/architecture.ts';
import { buildDeployOs } from '../initramfs/build.ts';
import type { BuildManifest } from '../initramfs/build-manifest.ts';
import { type KernelChoice, kernelChoices } from '../initramfs/ingredients.ts';
import { packOverlay } from '../initramfs/overlay.ts';
import type { Architecture } from '../kernel-config/concern.ts';
import { DeployError, toDeployError } from '../protocol/errors.ts';
import { mediumWords } from './medium-words.ts';
import { formatBytes, interruptSignal, ProgressLine, printJson, printTable } from './output.ts';
import { findOwner, giveTo } from './owner.ts';

type BuildFlags = {
  readonly out: string;
  readonly arch: string;
  readonly kernel: string;
  readonly overlay?: string;
  readonly json?: true;
  readonly firmware?: string;
  readonly isoOptions?: string;
  readonly server?: string;
  readonly ca?: string;
  readonly ip?: string;
  readonly vlan?: string;
  readonly nic?: string;
  readonly bond?: string;
  readonly language?: string;
};

export function addCommands(program: Command): void {
  program
    .command('build')
    .description('Build the Deploy-OS: vmlinuz, initramfs.img, deploy-os.iso, tftp/ and build-manifest.json')
    .requiredOption('--out <dir>', 'folder to write to; with --overlay the file')
    .option(
      '--overlay <dir>',
      'make no build but an overlay of lib/firmware and lib/modules in this folder (docs/build.md)',
    )
    .option('--arch <name>', 'the processor of the machines: amd64 or arm64', 'amd64')
    .option(
      '--kernel <which>',
      "debian, or custom: a smaller one, compiled here from Debian's source, not signed",
      'debian',
    )
    .option('--firmware <dir>', 'folder of firmware files to include (default: initramfs/firmware)')
    .option('--server <url>', 'make the ISO for this server: https://HOST:PORT')
    .option('--ca <fingerprint>', "sha256:… of that server's CA, as its start shows it")
    .option('--ip <address>', 'how a machine gets its address that boots from the ISO (docs/agent.md, deploy.ip)')
    .option('--vlan <id>', 'the tagged network in which such a machine finds the server (deploy.vlan)')
    .option('--nic <mac>', 'the NIC that such a machine prefers: its MAC address or name (deploy.nic)')
    .option('--bond <text>', 'NICs that such a machine joins: bond0:eth0,eth1[:mode=…] (docs/agent.md, deploy.bond)')
    .option('--language <language>', 'of the screen of such a machine: en or ja (deploy.language)')
    .option('--iso-options <text>', "what the ISO puts on the kernel's command line, such as deploy.server=…")
    .option('--json', 'print build-manifest.json on stdout')
    .action(build);
}

async function build(flags: BuildFlags): Promise<void> {
  if (flags.overlay !== undefined) return buildOverlay(flags.overlay, flags);
  const progress = new ProgressLine();
  const owner = await findOwner(flags.out);
  const manifest = await buildDeployOs({
    outDir: flags.out,
    ...choicesOf(flags),
    firmwareDir: flags.firmware,
    isoKernelOptions: isoOptionsOf(flags),
    signal: interruptSignal(),
    onProgress: (name, done, total) => progress.update(name, done, total),
    onCompile: tellCompiled(),
    onStepStart: (name) => {
      if (process.stderr.isTTY) process.stderr.write(`${name} …`);
    },
    onStep: ({ name, seconds, cached }) => {
      progress.end();
      const how = cached ? '  (from the cache)' : '';
      const redraw = process.stderr.isTTY ? '\r\x1b[K' : '';
      process.stderr.write(`${redraw}${name.padEnd(14)} ${seconds.toFixed(1).padStart(6)} s${how}\n`);
    },
  });
  await giveTo(owner, flags.out);
  if (flags.json) printJson(manifest);
  else printSizes(manifest);
}

/** For a boot profile. It appears under its name only when it is whole: a server may be giving away the one before. */
async function buildOverlay(dir: string, { out, json }: BuildFlags): Promise<void> {
  const { cpio, firmwareFiles, modules } = await packOverlay(dir);
  await writeFile(`${out}.new`, cpio, { flush: true }).catch((cause) => {
    throw new DeployError('invalid-input', `writing ${out}: ${toDeployError(cause).message}`, { cause });
  });
  await rename(`${out}.new`, out);
  const summary = { file: out, sizeBytes: cpio.length, firmwareFiles, modules: Object.fromEntries(modules) };
  if (json) return printJson(summary);
  const counts = [...modules].map(([release, count]) => `, ${count} modules for Linux ${release}`).join('');
  process.stdout.write(`${out}: ${formatBytes(cpio.length)}, ${firmwareFiles} firmware files${counts}\n`);
}

/** On a terminal each file, on one line; else how far it is, once a minute. */
function tellCompiled(): (file: string, count: number) => void {
  const everyMs = process.stderr.isTTY ? 200 : 60_000;
  let lastMs = performance.now();
  return (file, count) => {
    if (performance.now() - lastMs < everyMs) return;
    lastMs = performance.now();
    process.stderr.write(process.stderr.isTTY ? `\r\x1b[Kkernel: ${count} ${file}` : `kernel: ${count} files\n`);
  };
}

function choicesOf({ arch, kernel }: BuildFlags): { architecture: Architecture; kernelChoice: KernelChoice } {
  const architecture = architectures.find((name) => name === arch);
  if (architecture === undefined) throw new DeployError('usage', `--arch ${arch}: amd64 or arm64 is wanted`);
  const kernelChoice = kernelChoices.find((name) => name === kernel);
  if (kernelChoice === undefined) throw new DeployError('usage', `--kernel ${kernel}: debian or custom is wanted`);
  if (kernelChoice === 'custom' && architecture !== 'amd64')
    throw new DeployError('usage', `--kernel custom is for amd64 alone; for ${arch} leave it out`);
  return { architecture, kernelChoice };
}

/** What stands on the kernel's command line when the ISO is booted. @throws DeployError usage */
function isoOptionsOf({ server, ca, ip, vlan, nic, bond, language, isoOptions }: BuildFlags): string | undefined {
  if ((server === undefined) !== (ca === undefined)) {
    throw new DeployError('usage', '--server and --ca go together', {
      hint: 'Without the fingerprint of its CA a machine could not tell the server from another.',
    });
  }
  return mediumWords({ url: server, ca }, { ip, vlan, nic, bond, language }, isoOptions) || undefined;
}

function printSizes({
  architecture,
  kernelRelease,
  node,
  parts,
  files,
  firmwareAbsent,
  secureBoot,
}: BuildManifest): void {
  const rows = parts.map(({ name, unpackedBytes, compressedBytes }) => [
    name,
    formatBytes(unpackedBytes),
    formatBytes(compressedBytes),
  ]);
  printTable(['part', 'unpacked', 'to download'], rows);
  process.stdout.write(`\nLinux ${kernelRelease} for ${architecture}, Node ${node.version}\n\n`);
  const sizes = files.map(({ path, sizeBytes, sha256 }) => [path, formatBytes(sizeBytes), sha256]);
  printTable(['file', 'size', 'SHA-256'], sizes);
  if (!secureBoot) process.stdout.write('\nThis kernel is not signed: Secure Boot must be off.\n');
  if (firmwareAbsent.length === 0) return;
  const drivers = firmwareAbsent.map(({ driver }) => driver).join(', ');
  process.stdout.write(`\nThese drivers name firmware that is not in (initramfs/firmware/README.md): ${drivers}\n`);
}
