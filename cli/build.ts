// `deploy-os build`: makes the kernel, initramfs, ISO and netboot tree that managed machines boot.
import type { Command } from 'commander';
import { buildDeployOs } from '../initramfs/build.ts';
import type { BuildManifest } from '../initramfs/build-manifest.ts';
import { formatBytes, interruptSignal, ProgressLine, printJson, printTable } from './output.ts';

type BuildFlags = {
  readonly out: string;
  readonly json?: true;
  readonly firmware?: string;
  readonly isoOptions?: string;
};

export function addCommands(program: Command): void {
  program
    .command('build')
    .description('build the Deploy-OS: vmlinuz, initramfs.img, deploy-os.iso, tftp/ and build-manifest.json')
    .requiredOption('--out <dir>', 'folder to write to')
    .option('--firmware <dir>', 'folder of firmware files to include')
    .option('--iso-options <text>', "what the ISO puts on the kernel's command line, such as deploy.server=…")
    .option('--json', 'print build-manifest.json on stdout')
    .action(build);
}

async function build(flags: BuildFlags): Promise<void> {
  const progress = new ProgressLine();
  const manifest = await buildDeployOs({
    outDir: flags.out,
    firmwareDir: flags.firmware,
    isoKernelOptions: flags.isoOptions,
    signal: interruptSignal(),
    onProgress: (name, done, total) => progress.update(name, done, total),
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
  if (flags.json) printJson(manifest);
  else printSizes(manifest);
}

function printSizes({ kernelRelease, node, parts, files }: BuildManifest): void {
  const rows = parts.map(({ name, unpackedBytes, compressedBytes }) => [
    name,
    formatBytes(unpackedBytes),
    formatBytes(compressedBytes),
  ]);
  printTable(['part', 'unpacked', 'to download'], rows);
  process.stdout.write(`\nLinux ${kernelRelease}, Node ${node.version}\n\n`);
  const sizes = files.map(({ path, sizeBytes, sha256 }) => [path, formatBytes(sizeBytes), sha256]);
  printTable(['file', 'size', 'SHA-256'], sizes);
}
