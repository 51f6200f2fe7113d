// POST /v1/machines/:id/power/:action: on, off, cycle, soft or status; answers what the machine then is
import { powerActionSchema, powerAnswerSchema, powerRequestSchema } from '../../protocol/power.ts';
import { findMachine } from '../machines/read-machines.ts';
import { actOnPower } from '../power/act-on-power.ts';
import { pathParameter, type Route } from '../route.ts';

export const postMachinePower: Route = {
  method: 'POST',
  path: '/v1/machines/:id/power/:action',
  access: 'operator',
  on: 'machine',
  doc: { summary: 'Turn a machine on or off, or look', body: powerRequestSchema, answer: powerAnswerSchema },
  async handle(context, request, _caller, reply) {
    const action = powerActionSchema.parse(pathParameter(request, 'action'));
    const asked = powerRequestSchema.parse(request.body ?? {});
    const machine = await findMachine(context.db, pathParameter(request, 'id'));
    // Whoever asked has gone, or the server stops.
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    return await actOnPower(context, machine, action, { ...asked, signal: gone.signal });
  },
};
