// GET /v1/groups
import { z } from 'zod';
import { groupSchema } from '../../protocol/group.ts';
import { listGroups } from '../groups/groups.ts';
import type { Route } from '../route.ts';

export const getGroups: Route = {
  method: 'GET',
  path: '/v1/groups',
  access: 'viewer',
  doc: { summary: 'All groups', answer: z.array(groupSchema) },
  handle: ({ db }) => listGroups(db),
};
