// POST /v1/groups/:id/members: put machines into it and take them out
import { groupMembersSchema, groupSchema } from '../../protocol/group.ts';
import { transact } from '../database/transact.ts';
import { findGroup, readGroup } from '../groups/groups.ts';
import { changeMembers } from '../groups/members.ts';
import { pathParameter, type Route } from '../route.ts';

export const postGroupMembers: Route = {
  method: 'POST',
  path: '/v1/groups/:id/members',
  access: 'operator',
  doc: { summary: 'Put machines into a group and take them out', body: groupMembersSchema, answer: groupSchema },
  async handle({ db }, request) {
    const change = groupMembersSchema.parse(request.body);
    const { id } = await findGroup(db, pathParameter(request, 'id'));
    await transact(db, (transaction) => changeMembers(transaction, id, change));
    return readGroup(db, id);
  },
};
