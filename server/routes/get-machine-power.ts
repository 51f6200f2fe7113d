// GET /v1/machines/:id/power: the power driver's settings, without what is secret
import { powerSchema } from '../../protocol/power.ts';
import { findMachine } from '../machines/read-machines.ts';
import { readPower } from '../power/power-settings.ts';
import { pathParameter, type Route } from '../route.ts';

export const getMachinePower: Route = {
  method: 'GET',
  path: '/v1/machines/:id/power',
  access: 'operator',
  on: 'machine',
  doc: { summary: "A machine's power driver, without its password", answer: powerSchema },
  async handle({ db }, request) {
    const { id } = await findMachine(db, pathParameter(request, 'id'));
    return readPower(db, id);
  },
};
