// GET /v1/groups
import { z } from 'zod';
import { groupSchema } from '../../protocol/group.ts';
import { listGroups } from '../groups/groups.ts';
import { groupsSeenBy } from '../people/machine-access.ts';
import type { Route } from '../route.ts';

export const getGroups: Route = {
  method: 'GET',
  path: '/v1/groups',
  access: 'viewer',
  on: 'caller',
  doc: { summary: 'All groups', answer: z.array(groupSchema) },
  async handle({ db }, _request, caller) {
    const seen = groupsSeenBy(caller);
    return (await listGroups(db)).filter(({ id }) => seen?.includes(id) ?? true);
  },
};
