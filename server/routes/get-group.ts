// GET /v1/groups/:id
import { oneGroupSchema } from '../../protocol/group.ts';
import { readGroup } from '../groups/groups.ts';
import { listFixedMembers } from '../groups/members.ts';
import { pathParameter, type Route } from '../route.ts';

export const getGroup: Route = {
  method: 'GET',
  path: '/v1/groups/:id',
  access: 'viewer',
  doc: { summary: 'One group, with the machines that were put into it', answer: oneGroupSchema },
  async handle({ db }, request) {
    const group = await readGroup(db, pathParameter(request, 'id'));
    return { ...group, members: await listFixedMembers(db, group.id) };
  },
};
