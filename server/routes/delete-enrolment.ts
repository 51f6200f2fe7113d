// DELETE /v1/enrolments/:id: its secret is worth nothing any more
import { revokeEnrolment } from '../enrolments/enrolments.ts';
import { pathParameter, type Route } from '../route.ts';

export const deleteEnrolment: Route = {
  method: 'DELETE',
  path: '/v1/enrolments/:id',
  access: 'operator',
  doc: { summary: 'Revoke an enrolment' },
  async handle({ db }, request) {
    const id = pathParameter(request, 'id');
    await revokeEnrolment(db, id);
    request.log.info({ enrolment: id }, 'enrolment revoked');
  },
};
