// GET /v1/groups/:id
import { DeployError } from '../../protocol/errors.ts';
import { oneGroupSchema } from '../../protocol/group.ts';
import { readGroup } from '../groups/groups.ts';
import { listFixedMembers } from '../groups/members.ts';
import { groupsSeenBy } from '../people/machine-access.ts';
import { pathParameter, type Route } from '../route.ts';

export const getGroup: Route = {
  method: 'GET',
  path: '/v1/groups/:id',
  access: 'viewer',
  on: 'caller',
  doc: { summary: 'One group, with the machines that were put into it', answer: oneGroupSchema },
  async handle({ db }, request, caller) {
    const group = await readGroup(db, pathParameter(request, 'id'));
    if (groupsSeenBy(caller)?.includes(group.id) === false) {
      throw new DeployError('group-not-found', `no group '${pathParameter(request, 'id')}'`);
    }
    return { ...group, members: await listFixedMembers(db, group.id) };
  },
};
