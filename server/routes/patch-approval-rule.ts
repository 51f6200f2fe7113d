// PATCH /v1/approval-rules/:id
import { approvalRulePatchSchema, approvalRuleSchema } from '../../protocol/approval-rule.ts';
import { changeApprovalRule } from '../approvals/approval-rules.ts';
import { pathParameter, type Route } from '../route.ts';

export const patchApprovalRule: Route = {
  method: 'PATCH',
  path: '/v1/approval-rules/:id',
  access: 'operator',
  doc: { summary: 'Change an approval rule', body: approvalRulePatchSchema, answer: approvalRuleSchema },
  async handle({ db }, request) {
    const patch = approvalRulePatchSchema.parse(request.body);
    const rule = await changeApprovalRule(db, pathParameter(request, 'id'), patch);
    request.log.info({ rule }, 'approval rule changed');
    return rule;
  },
};
