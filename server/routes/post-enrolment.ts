// POST /v1/enrolments: the answer has the secret, which nothing shows again
import { enrolmentRequestSchema, newEnrolmentSchema } from '../../protocol/medium.ts';
import { createEnrolment } from '../enrolments/enrolments.ts';
import type { Route } from '../route.ts';

export const postEnrolment: Route = {
  method: 'POST',
  path: '/v1/enrolments',
  access: 'operator',
  doc: {
    summary: 'Make an enrolment; this answer alone has its secret',
    body: enrolmentRequestSchema,
    answer: newEnrolmentSchema,
    status: 201,
  },
  async handle({ db }, request, _caller, reply) {
    const enrolment = await createEnrolment(db, enrolmentRequestSchema.parse(request.body));
    const { id, label, expiresAt } = enrolment;
    request.log.info({ enrolment: id, label, expiresAt }, 'enrolment created');
    reply.code(201).header('cache-control', 'no-store');
    return enrolment;
  },
};
