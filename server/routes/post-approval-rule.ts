// POST /v1/approval-rules
import { approvalRuleBodySchema, approvalRuleSchema } from '../../protocol/approval-rule.ts';
import { createApprovalRule } from '../approvals/approval-rules.ts';
import type { Route } from '../route.ts';

export const postApprovalRule: Route = {
  method: 'POST',
  path: '/v1/approval-rules',
  access: 'operator',
  doc: {
    summary: 'Make an approval rule; machines that wait are looked at, too',
    body: approvalRuleBodySchema,
    answer: approvalRuleSchema,
    status: 201,
  },
  async handle({ db }, request, _caller, reply) {
    const rule = await createApprovalRule(db, approvalRuleBodySchema.parse(request.body));
    request.log.info({ rule }, 'approval rule made');
    reply.code(201);
    return rule;
  },
};
