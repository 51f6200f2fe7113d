// POST /v1/sessions: log in
import { loginBodySchema, newTokenSchema } from '../../protocol/people.ts';
import { logIn } from '../people/log-in.ts';
import { writeSessionCookie } from '../people/session-cookie.ts';
import type { Route } from '../route.ts';

export const postSession: Route = {
  method: 'POST',
  path: '/v1/sessions',
  access: 'public',
  doc: {
    summary: 'Log in: a token, and a cookie for browsers',
    body: loginBodySchema,
    answer: newTokenSchema,
    status: 201,
  },
  async handle(context, request, _caller, reply) {
    const { name, password } = loginBodySchema.parse(request.body);
    const { session } = await logIn(context, name, password, request.ip);
    reply.code(201).header('set-cookie', writeSessionCookie(session.token));
    return session;
  },
};
