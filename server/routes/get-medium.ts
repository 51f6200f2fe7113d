// GET /v1/media/deploy-os.iso: the ISO with this server's address, its CA and what else is asked for in it; parts of it, too
import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { DeployError } from '../../protocol/errors.ts';
import { enrolmentHeader, type MediumQuery, mediumQuerySchema } from '../../protocol/medium.ts';
import { formatHostPort } from '../config.ts';
import type { Context } from '../context.ts';
import { checkSecret } from '../enrolments/enrolments.ts';
import { parseRange } from '../media/byte-range.ts';
import { openMedium } from '../media/medium.ts';
import type { Route } from '../route.ts';

export const getMedium: Route = {
  method: 'GET',
  path: '/v1/media/deploy-os.iso',
  access: 'operator',
  costly: true,
  doc: {
    summary: 'A bootable ISO made for this server; takes one Range',
    query: mediumQuerySchema,
    answer: 'application/x-iso9660-image',
  },
  async handle(context, request, _caller, reply) {
    const words = await wordsOf(context, request, mediumQuerySchema.parse(request.query));
    const medium = await openMedium(context.config.bootDir, words);
    const { sizeBytes, entityTag } = medium;
    // A client that goes on with another file than it began with gets the whole of the new one (RFC 9110, 13.1.5).
    const same = request.headers['if-range'] === undefined || request.headers['if-range'] === entityTag;
    const range = same ? parseRange(request.headers.range, sizeBytes) : null;
    reply.headers({ 'accept-ranges': 'bytes', etag: entityTag, 'cache-control': 'no-store' });
    reply.type('application/x-iso9660-image').header('content-disposition', 'attachment; filename="deploy-os.iso"');
    if (range === 'unsatisfiable') {
      await medium.close();
      reply.code(416).header('content-range', `bytes */${sizeBytes}`).header('content-length', 0);
      return Readable.from([]);
    }
    const { start, end } = range ?? { start: 0, end: sizeBytes };
    if (range !== null) reply.code(206).header('content-range', `bytes ${start}-${end - 1}/${sizeBytes}`);
    reply.header('content-length', end - start);
    // A HEAD takes the same way and gets no body.
    const body = Readable.from(request.method === 'HEAD' ? [] : medium.read({ start, end }), { objectMode: false });
    return body.once('close', () => void medium.close());
  },
};

/** @throws DeployError invalid-input when machines could not reach the server so; enrolment-not-found for a secret that is not good. */
async function wordsOf(context: Context, request: FastifyRequest, query: MediumQuery): Promise<string> {
  const { ip, nic, vlan, bond, options } = query;
  const secret = await readSecret(context, request);
  const words = {
    'deploy.server': query.for ?? reachedUrl(context, request),
    'deploy.ca': context.authority.fingerprint,
    'deploy.ip': ip,
    'deploy.nic': nic,
    'deploy.vlan': vlan,
    'deploy.bond': bond,
    'deploy.secret': secret,
  };
  const given = Object.entries(words).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  return [...given, ...(options === undefined ? [] : [options])].join(' ');
}

function reachedUrl({ config }: Context, { socket }: FastifyRequest): string {
  const { localAddress = '', localPort = 0 } = socket;
  const address = localAddress.replace(/^::ffff:/, '');
  if (config.advertise === undefined && (address === '::1' || address.startsWith('127.'))) {
    throw new DeployError('invalid-input', 'no machine reaches the server as you do, by an address of its own host', {
      hint: 'Say how machines reach it: --for https://ADDRESS:PORT; or start the server with --advertise.',
    });
  }
  return `https://${formatHostPort(config.advertise ?? { address, port: localPort })}`;
}

async function readSecret({ db }: Context, { headers }: FastifyRequest): Promise<string | undefined> {
  const secret = headers[enrolmentHeader];
  if (secret === undefined) return undefined;
  const enrolment = await checkSecret(db, String(secret));
  if (typeof enrolment !== 'string') return String(secret);
  throw new DeployError(
    'enrolment-not-found',
    `the secret's enrolment is ${enrolment}: its machines would not be approved`,
  );
}
