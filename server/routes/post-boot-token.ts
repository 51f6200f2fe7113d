// POST /v1/boot-token: for a machine that was not booted by a script of ours, from a CD or a USB stick; as public as the boot scripts are
import type { FastifyRequest } from 'fastify';
import { DeployError } from '../../protocol/errors.ts';
import { bootTokenRequestSchema, bootTokenSchema } from '../../protocol/rest.ts';
import { approvedByServer } from '../approvals/approve-machine.ts';
import type { Context } from '../context.ts';
import { checkSecret, countUse } from '../enrolments/enrolments.ts';
import { registerMachine } from '../machines/register-machine.ts';
import type { Route } from '../route.ts';
import { issueBootToken } from '../tokens/boot-tokens.ts';

export const postBootToken: Route = {
  method: 'POST',
  path: '/v1/boot-token',
  access: 'public',
  doc: {
    summary: 'A token for a machine that did not boot by a script of the server',
    body: bootTokenRequestSchema,
    answer: bootTokenSchema,
    status: 201,
  },
  async handle(context, request, _caller, reply) {
    const { db, config } = context;
    const { secret, ...facts } = bootTokenRequestSchema.parse(request.body);
    const enrolment = secret === undefined ? undefined : await enrolmentOf(context, request, secret);
    const approvedBy = enrolment === undefined ? approvedByServer(config) : enrolment;
    const machine = await registerMachine(db, { ...facts, serial: null, address: request.ip, approvedBy });
    if (machine === null) {
      throw new DeployError('invalid-input', 'the machine has neither a UUID of its own nor a MAC address', {
        hint: 'Boot it through the network with a card that has one, or set its UUID in the firmware.',
      });
    }
    request.log.info(
      { machine: machine.id, name: machine.name, state: machine.state, ...enrolment },
      'boot token without a boot script',
    );
    reply.code(201);
    return { token: await issueBootToken(db, machine.id) };
  },
};

/** Its id and label. With a secret that is not good a machine waits for approval, as one without: the medium may be older than the enrolment's end. */
async function enrolmentOf(
  { db, wrongSecrets }: Context,
  request: FastifyRequest,
  secret: string,
): Promise<{ enrolment: string; label: string } | undefined> {
  // Silently: what comes by the thousand is no use in a log.
  if (wrongSecrets.waitMs(request.ip) > 0) return undefined;
  const found = await checkSecret(db, secret);
  if (typeof found === 'string') {
    if (found !== 'expired') wrongSecrets.note(request.ip);
    request.log.warn({ from: request.ip, reason: found }, 'enrolment secret refused; the machine waits for approval');
    return undefined;
  }
  await countUse(db, found);
  return { enrolment: found.id, label: found.label };
}
