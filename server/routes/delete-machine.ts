// DELETE /v1/machines/:id: forget it, its tokens and its inventory
import { forgetMachine } from '../machines/change-machine.ts';
import { findMachine } from '../machines/read-machines.ts';
import { pathParameter, type Route } from '../route.ts';

export const deleteMachine: Route = {
  method: 'DELETE',
  path: '/v1/machines/:id',
  access: 'operator',
  on: 'machine',
  doc: { summary: 'Forget a machine; its jobs stay as the record of what was done' },
  async handle({ db, agents }, request) {
    const machine = await findMachine(db, pathParameter(request, 'id'));
    await forgetMachine(db, machine);
    agents.get(machine.id)?.close('the machine was forgotten');
    request.log.info({ machine: machine.id, name: machine.name }, 'machine forgotten');
  },
};
