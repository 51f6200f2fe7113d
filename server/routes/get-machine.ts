// GET /v1/machines/:id
import { oneMachineSchema } from '../../protocol/rest.ts';
import { listFixedGroups } from '../groups/members.ts';
import { listConflicts } from '../machines/conflicts.ts';
import { listOwnIdentities } from '../machines/identify.ts';
import { showMachines } from '../machines/list-machines.ts';
import { findMachine } from '../machines/read-machines.ts';
import { pathParameter, type Route } from '../route.ts';

export const getMachine: Route = {
  method: 'GET',
  path: '/v1/machines/:id',
  access: 'viewer',
  on: 'machine',
  doc: { summary: 'One machine', answer: oneMachineSchema },
  async handle({ db }, request) {
    const row = await findMachine(db, pathParameter(request, 'id'));
    const [machine] = await showMachines(db, [row]);
    return {
      ...machine,
      identities: await listOwnIdentities(db, row.id),
      conflicts: await listConflicts(db, row),
      fixedGroupIds: await listFixedGroups(db, row.id),
    };
  },
};
