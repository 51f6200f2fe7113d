// `deploy-os medium download`: the ISO from a server, made for it and for what is asked for; a broken download goes on where it was.
import { createWriteStream } from 'node:fs';
import { rename, stat } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { fetchPinnedCa, pinnedTls } from '../imaging/store/pinned-ca.ts';
import { DeployError, fromErrorBody, toDeployError } from '../protocol/errors.ts';
import { enrolmentHeader } from '../protocol/medium.ts';
import { errorAnswerSchema } from '../protocol/rest.ts';
import type { ServerAccess } from '../server/address-file.ts';
import { type ConnectOptions, findServer, withServerOptions } from './connect.ts';
import { createEnrolment, type EnrolmentFlags } from './enrolment.ts';
import { type MediumFlags, mediumWords } from './medium-words.ts';
import { formatBytes, interruptSignal, ProgressLine, printJson } from './output.ts';

type Flags = ConnectOptions &
  MediumFlags &
  EnrolmentFlags & {
    readonly out: string;
    readonly for?: string;
    readonly options?: string;
    readonly secret?: string | true;
  };

export function addCommands(program: Command): void {
  const medium = program
    .command('medium')
    .description('CDs and USB sticks for machines that do not boot from the network');
  withServerOptions(medium.command('download').description("Fetch the server's ISO, made for that server"))
    .requiredOption('--out <file>', 'where to write it; a block device is no file: use dd')
    .option('--for <url>', 'how machines reach the server: https://ADDRESS:PORT (default: --advertise, else as you do)')
    .option('--ip <address>', 'how a machine gets its address that boots from it (docs/agent.md, deploy.ip)')
    .option('--vlan <id>', 'the tagged network in which such a machine finds the server (deploy.vlan)')
    .option('--nic <mac>', 'the NIC that such a machine prefers: its MAC address or name (deploy.nic)')
    .option('--bond <text>', 'NICs that such a machine joins: bond0:eth0,eth1[:mode=…] (docs/agent.md, deploy.bond)')
    .option('--options <text>', "more words for the kernel's command line")
    .option(
      '--secret [secret]',
      'its machines are approved by themselves: with this secret of an enrolment, or a new one',
    )
    .option('--valid-days <days>', 'how long the secret of a new enrolment is good (default: 30)')
    .action(download);
}

async function download(flags: Flags): Promise<void> {
  const access = await findServer(flags);
  const { ip, vlan, nic, bond, options, out } = flags;
  // Read as the agent will; the server, too, is asked for it by its own words.
  mediumWords({ url: flags.for ?? access.url, ca: access.caFingerprint }, { ip, vlan, nic, bond }, options);
  const { ca } = await fetchPinnedCa(access.url, access.caFingerprint);
  const enrolment = flags.secret === true ? await createEnrolment(`medium ${out}`.slice(0, 255), flags) : null;
  const secret = enrolment?.secret ?? (typeof flags.secret === 'string' ? flags.secret : null);
  const query = Object.entries({ for: flags.for, ip, vlan, nic, bond, options }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  const sizeBytes = await fetchFile({ access, ca, secret, query: query.join('&'), file: `${out}.part` });
  await rename(`${out}.part`, out);
  if (flags.json === true) printJson({ file: out, sizeBytes, enrolmentId: enrolment?.id ?? null });
  else
    process.stdout.write(
      `${out}: ${formatBytes(sizeBytes)}${enrolment === null ? '' : `, enrolment ${enrolment.id}`}\n`,
    );
}

type Wanted = {
  readonly access: ServerAccess;
  readonly ca: string;
  readonly secret: string | null;
  readonly query: string;
  readonly file: string;
};

const maxTries = 8;
const pauseMs = 1000;

/** Answers its size, which is the one that the server said. */
async function fetchFile(wanted: Wanted): Promise<number> {
  const signal = interruptSignal();
  const progress = new ProgressLine();
  let [done, total, entityTag] = [0, Number.POSITIVE_INFINITY, ''];
  for (let tries = 1; done < total; tries++) {
    try {
      const response = await request(
        wanted,
        done === 0 ? {} : { range: `bytes=${done}-`, 'if-range': entityTag },
        signal,
      );
      // The whole one: the first time, or since the server's is another one by now.
      if (response.statusCode === 200) [done, total] = [0, Number(response.headers['content-length'])];
      entityTag = response.headers.etag ?? '';
      const count = new Transform({
        transform(piece: Buffer, _encoding, next) {
          done += piece.length;
          progress.update('download', done, total);
          next(null, piece);
        },
      });
      const to = createWriteStream(wanted.file, { flags: done === 0 ? 'w' : 'r+', start: done, flush: true });
      await pipeline(response, count, to, { signal });
    } catch (thrown) {
      if (signal.aborted) throw new DeployError('cancelled', 'the download was stopped');
      if (thrown instanceof DeployError || tries === maxTries) throw toDeployError(thrown, 'server-unreachable');
      done = await stat(wanted.file).then(
        ({ size }) => size,
        () => 0,
      );
      await sleep(pauseMs);
    }
  }
  progress.end();
  return done;
}

function request(
  { access, ca, secret, query }: Wanted,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const own = { authorization: `Bearer ${access.token}`, ...(secret === null ? {} : { [enrolmentHeader]: secret }) };
  const url = `${access.url}/v1/media/deploy-os.iso?${query}`;
  return new Promise((resolve, reject) => {
    const outgoing = get(url, { ...pinnedTls(ca), headers: { ...own, ...headers }, signal }, (response) => {
      if (response.statusCode === 200 || response.statusCode === 206) resolve(response);
      else readError(response).then(reject, reject);
    });
    outgoing.on('error', reject);
    outgoing.setTimeout(60_000, () => outgoing.destroy(new Error('nothing moved for 60 s')));
  });
}

async function readError(response: IncomingMessage): Promise<DeployError> {
  let text = '';
  for await (const part of response.setEncoding('utf8')) if (text.length < 65_536) text += part;
  try {
    return fromErrorBody(errorAnswerSchema.parse(JSON.parse(text)).error);
  } catch {
    return new DeployError('server-error', `downloading the medium: HTTP status ${response.statusCode}`);
  }
}
