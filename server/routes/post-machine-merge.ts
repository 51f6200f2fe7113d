// POST /v1/machines/:id/merge: two records are of one machine
import { machineMergeSchema, machineSchema } from '../../protocol/rest.ts';
import { transact } from '../database/transact.ts';
import { showMachines } from '../machines/list-machines.ts';
import { mergeMachines } from '../machines/merge-machines.ts';
import { findMachine } from '../machines/read-machines.ts';
import { requireOnMachine } from '../people/machine-access.ts';
import { pathParameter, type Route } from '../route.ts';

export const postMachineMerge: Route = {
  method: 'POST',
  path: '/v1/machines/:id/merge',
  access: 'operator',
  on: 'machine',
  doc: {
    summary: 'Two records are of one machine: the other goes into this',
    body: machineMergeSchema,
    answer: machineSchema,
  },
  async handle({ db, agents }, request, caller) {
    const body = machineMergeSchema.parse(request.body);
    const into = await findMachine(db, pathParameter(request, 'id'));
    const from = await findMachine(db, body.from);
    await requireOnMachine(db, caller, from, 'operator', body.from);
    await transact(db, (transaction) => mergeMachines(transaction, from, into));
    agents.get(from.id)?.close('the machine was merged with another record of it');
    request.log.info({ from: from.name, into: into.name }, 'machines merged');
    const [machine] = await showMachines(db, [await findMachine(db, into.id)]);
    return machine;
  },
};
