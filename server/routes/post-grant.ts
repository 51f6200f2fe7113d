// POST /v1/grants
import { grantBodySchema, grantSchema } from '../../protocol/people.ts';
import { setGrant } from '../people/grants.ts';
import type { Route } from '../route.ts';

export const postGrant: Route = {
  method: 'POST',
  path: '/v1/grants',
  access: 'administrator',
  doc: {
    summary: 'Give somebody a role on a group of machines',
    body: grantBodySchema,
    answer: grantSchema,
    status: 201,
  },
  async handle({ db }, request, _caller, reply) {
    const grant = await setGrant(db, grantBodySchema.parse(request.body));
    request.log.info({ grant }, 'role on a group granted');
    reply.code(201);
    return grant;
  },
};
