// PATCH /v1/groups/:id
import { groupPatchSchema, groupSchema } from '../../protocol/group.ts';
import { changeGroup } from '../groups/groups.ts';
import { pathParameter, type Route } from '../route.ts';

export const patchGroup: Route = {
  method: 'PATCH',
  path: '/v1/groups/:id',
  access: 'operator',
  doc: { summary: 'Change a group', body: groupPatchSchema, answer: groupSchema },
  async handle({ db }, request) {
    const patch = groupPatchSchema.parse(request.body);
    const group = await changeGroup(db, pathParameter(request, 'id'), patch);
    request.log.info({ group }, 'group changed');
    return group;
  },
};
