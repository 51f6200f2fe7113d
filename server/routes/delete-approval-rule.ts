// DELETE /v1/approval-rules/:id
import { deleteApprovalRule as deleteFromDatabase } from '../approvals/approval-rules.ts';
import { pathParameter, type Route } from '../route.ts';

export const deleteApprovalRule: Route = {
  method: 'DELETE',
  path: '/v1/approval-rules/:id',
  access: 'operator',
  doc: { summary: 'Remove an approval rule' },
  async handle({ db }, request) {
    const { name } = await deleteFromDatabase(db, pathParameter(request, 'id'));
    request.log.info({ rule: name }, 'approval rule deleted');
  },
};
