// GET /v1/approval-rules
import { z } from 'zod';
import { approvalRuleSchema } from '../../protocol/approval-rule.ts';
import { listApprovalRules } from '../approvals/approval-rules.ts';
import type { Route } from '../route.ts';

export const getApprovalRules: Route = {
  method: 'GET',
  path: '/v1/approval-rules',
  access: 'viewer',
  doc: {
    summary: 'Rules by which machines are approved, in the order in which they are asked',
    answer: z.array(approvalRuleSchema),
  },
  handle: ({ db }) => listApprovalRules(db),
};
