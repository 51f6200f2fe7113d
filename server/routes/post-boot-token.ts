// POST /v1/boot-token: for a machine that was not booted by a script of ours, from a CD or a USB stick; as public as the boot scripts are
import { DeployError } from '../../protocol/errors.ts';
import { bootTokenRequestSchema } from '../../protocol/rest.ts';
import { registerMachine } from '../machines/register-machine.ts';
import type { Route } from '../route.ts';
import { issueBootToken } from '../tokens/boot-tokens.ts';

export const postBootToken: Route = {
  method: 'POST',
  path: '/v1/boot-token',
  access: 'public',
  async handle({ db, config }, request, _caller, reply) {
    const facts = bootTokenRequestSchema.parse(request.body);
    const machine = await registerMachine(db, { ...facts, approve: config.approve });
    if (machine === null) {
      throw new DeployError('invalid-input', 'the machine has neither a UUID of its own nor a MAC address', {
        hint: 'Boot it through the network with a card that has one, or set its UUID in the firmware.',
      });
    }
    request.log.info({ machine: machine.name, state: machine.state }, 'boot token without a boot script');
    reply.code(201);
    return { token: await issueBootToken(db, machine.id) };
  },
};
