// PUT /v1/machines/:id/power: for administrators, since the server sends requests and a password to the address that it names
import { powerBodySchema, powerSchema } from '../../protocol/power.ts';
import { findMachine } from '../machines/read-machines.ts';
import { savePower } from '../power/power-settings.ts';
import { pathParameter, type Route } from '../route.ts';

export const putMachinePower: Route = {
  method: 'PUT',
  path: '/v1/machines/:id/power',
  access: 'administrator',
  doc: { summary: 'Give a machine a power driver', body: powerBodySchema, answer: powerSchema },
  async handle(context, request) {
    const body = powerBodySchema.parse(request.body);
    const { id } = await findMachine(context.db, pathParameter(request, 'id'));
    const power = await savePower(context, id, body);
    request.log.info({ machine: id, driver: power.settings.driver }, 'power driver changed');
    return power;
  },
};
