// DELETE /v1/machines/:id/identities/:identity: a machine is no more known by that
import { transact } from '../database/transact.ts';
import { forgetIdentity } from '../machines/identify.ts';
import { refreshFacts } from '../machines/machine-facts.ts';
import { findMachine } from '../machines/read-machines.ts';
import { pathParameter, type Route } from '../route.ts';

export const deleteMachineIdentity: Route = {
  method: 'DELETE',
  path: '/v1/machines/:id/identities/:identity',
  access: 'operator',
  on: 'machine',
  doc: { summary: 'A machine is no more known by that' },
  async handle({ db }, request) {
    const machine = await findMachine(db, pathParameter(request, 'id'));
    await transact(db, async (transaction) => {
      await forgetIdentity(transaction, machine, pathParameter(request, 'identity'));
      await refreshFacts(transaction, [machine.id]);
    });
  },
};
