// `deploy-os image-check …`: a server reads its images itself, in the background, and keeps what it found.
import type { Command } from 'commander';
import { z } from 'zod';
import { DeployError, fromErrorBody } from '../protocol/errors.ts';
import { type ImageCheck, type ImageCheckFound, imageCheckSchema } from '../protocol/image-check.ts';
import { type ConnectOptions, callOnce, connect, withServerOptions } from './connect.ts';
import { imageCheckAfter } from './live-events.ts';
import { failWith, formatBytes, ProgressLine, printJson, printTable, withoutControls } from './output.ts';

type StartFlags = ConnectOptions & { readonly prove?: true; readonly boot?: true; readonly watch?: true };

const sealedNote = 'encrypted: the sealed chunks were checked; what is in them was not decrypted, which takes the key';
/** A watch outlives a server's upgrade; the check does not, and says so. */
const serverAwayMs = 15 * 60 * 1000;

export function addCommands(program: Command): void {
  const check = program
    .command('image-check')
    .description('Images verified or proved by the server itself, in the background, one at a time');
  withServerOptions(check.command('start <image>').description('Read every chunk of it and check it'))
    .option('--prove', 'check its file systems, too (see `image prove`); the server must be allowed to mount')
    .option('--boot', 'with --prove: boot it in a virtual machine on the server')
    .option('--watch', 'stay until it has ended; the exit status is that of what was found')
    .action(start);
  withServerOptions(
    check.command('list [image]').description('What was found, and what waits; newest first, of one image or of all'),
  ).action(list);
  withServerOptions(check.command('show <check>').description('One check with all that it found')).action(
    async (id: string, options: ConnectOptions) =>
      print(await callOnce(options, 'GET', pathOf(id), imageCheckSchema), options),
  );
  withServerOptions(check.command('cancel <check>').description('Stop it')).action(
    async (id: string, options: ConnectOptions) => {
      const one = await callOnce(options, 'POST', `${pathOf(id)}/cancel`, imageCheckSchema, {});
      if (options.json === true) printJson(one);
      else process.stdout.write(`${one.state === 'running' ? 'stopping' : one.state}: ${one.id}\n`);
    },
  );
}

function pathOf(id: string): string {
  return `/v1/image-checks/${encodeURIComponent(id)}`;
}

async function start(image: string, { prove, boot, watch, ...options }: StartFlags): Promise<void> {
  const asked = { image, kind: prove === true ? 'prove' : 'verify', boot: boot === true };
  const check = await callOnce(options, 'POST', '/v1/image-checks', imageCheckSchema, asked);
  if (watch === true) return follow(check.id, options);
  if (options.json === true) printJson(check);
  else process.stdout.write(`${check.id}\n`);
}

async function follow(id: string, options: ConnectOptions): Promise<void> {
  const client = await connect(options, serverAwayMs);
  const live = client.listen({ imageChecks: true });
  const line = new ProgressLine();
  const read = (): Promise<ImageCheck> => client.call('GET', pathOf(id), imageCheckSchema);
  try {
    let check = await read();
    while (check.endedAt === null) {
      if (check.progress !== null)
        line.update(check.progress.phase, check.progress.bytesDone, check.progress.bytesTotal);
      const events = await live.next();
      check = events === null ? await read() : imageCheckAfter(check, events);
    }
    // What was found is not told.
    check = await read();
    line.end();
    print(check, options);
    failWith(errorOf(check));
  } finally {
    line.end();
    live.close();
    client.close();
  }
}

function errorOf({ error, state, image }: ImageCheck): DeployError | null {
  if (error !== null) return fromErrorBody(error);
  return state === 'passed' ? null : new DeployError('cancelled', `the check of '${image}' was ${state}`);
}

async function list(image: string | undefined, options: ConnectOptions): Promise<void> {
  const query = image === undefined ? '' : `?image=${encodeURIComponent(image)}`;
  const checks = await callOnce(options, 'GET', `/v1/image-checks${query}`, z.array(imageCheckSchema));
  if (options.json === true) return printJson(checks);
  printTable(
    ['ID', 'IMAGE', 'KIND', 'STATE', 'ASKED BY', 'ASKED', 'ENDED', 'READ', 'FOUND'],
    checks.map((check) => [
      ...[check.id, check.image, kindOf(check), check.state, check.requestedBy, check.createdAt, check.endedAt ?? ''],
      check.found === null ? '' : formatBytes(check.found.bytesRead),
      check.error?.code ?? '',
    ]),
  );
}

function kindOf({ kind, boot }: ImageCheck): string {
  return boot ? 'prove --boot' : kind;
}

/** Of an encrypted image nobody but who has the key knows more than the chunk. */
function placeOf({ digest, offsetBytes, lengthBytes, partitions }: ImageCheckFound['problems'][number]): string {
  if (offsetBytes === null || lengthBytes === null) return `chunk ${digest}`;
  const where = partitions.length === 0 ? '' : ` (partition ${partitions.join(', ')})`;
  return `bytes ${offsetBytes} to ${offsetBytes + lengthBytes - 1}${where}`;
}

function print(check: ImageCheck, options: ConnectOptions): void {
  if (options.json === true) {
    printJson(check);
    return;
  }
  const { id, image, state, requestedBy, createdAt, endedAt, found, error } = check;
  const lines = [`${id}: ${kindOf(check)} of '${image}': ${state}`, `  asked for by ${requestedBy} at ${createdAt}`];
  if (endedAt !== null) lines.push(`  ended at ${endedAt}`);
  if (error !== null) lines.push(`  ${error.code}: ${error.message}`);
  if (found !== null) {
    const ofDisk = found.usedBytes === null ? '' : `, ${formatBytes(found.usedBytes)} of the disk`;
    lines.push(`  read: ${formatBytes(found.bytesRead)} of chunks${ofDisk}`);
    if (found.sealed === true) lines.push(`  ${sealedNote}`);
    for (const problem of found.problems) lines.push(`  ${problem.code}: ${placeOf(problem)}`);
    const more = found.problemCount - found.problems.length;
    if (more > 0) lines.push(`  and ${more} more`);
    for (const { number, fileSystem, verdict, said } of found.fileSystems) {
      const note = verdict === 'clean' ? '' : `: ${said}`;
      lines.push(`  ${number === 0 ? 'disk' : `partition ${number}`}: ${fileSystem ?? 'unknown'}: ${verdict}${note}`);
    }
    if (found.boot !== null)
      lines.push(`  boot: ${found.boot.booted ? 'came up' : 'did not come up'}: ${found.boot.evidence}`);
  }
  process.stdout.write(`${lines.map(withoutControls).join('\n')}\n`);
}
