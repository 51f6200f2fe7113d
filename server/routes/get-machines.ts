// GET /v1/machines?search=&group=&tag=&state=&online=&after=&limit=
import { z } from 'zod';
import { machineQuerySchema, machineSchema } from '../../protocol/rest.ts';
import { listMachines } from '../machines/list-machines.ts';
import { groupsSeenBy } from '../people/machine-access.ts';
import type { Route } from '../route.ts';

export const getMachines: Route = {
  method: 'GET',
  path: '/v1/machines',
  access: 'viewer',
  on: 'caller',
  doc: {
    summary: 'Machines, in order of name, searched and page by page',
    query: machineQuerySchema,
    answer: z.array(machineSchema),
  },
  handle: ({ db }, request, caller) =>
    listMachines(db, { ...machineQuerySchema.parse(request.query), inGroups: groupsSeenBy(caller) }),
};
