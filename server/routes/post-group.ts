// POST /v1/groups
import { groupBodySchema, groupSchema } from '../../protocol/group.ts';
import { createGroup } from '../groups/groups.ts';
import type { Route } from '../route.ts';

export const postGroup: Route = {
  method: 'POST',
  path: '/v1/groups',
  access: 'operator',
  doc: { summary: 'Make a group', body: groupBodySchema, answer: groupSchema, status: 201 },
  async handle({ db }, request, _caller, reply) {
    const group = await createGroup(db, groupBodySchema.parse(request.body));
    request.log.info({ group }, 'group made');
    reply.code(201);
    return group;
  },
};
