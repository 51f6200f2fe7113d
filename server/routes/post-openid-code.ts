// POST /v1/session/openid/code: a command line logs in by the code that the browser was shown

import { DeployError } from '../../protocol/errors.ts';
import { loginCodeBodySchema, openIdCodePath } from '../../protocol/openid.ts';
import { newTokenSchema } from '../../protocol/people.ts';
import { logInByCode } from '../openid/log-in.ts';
import type { Route } from '../route.ts';

export const postOpenIdCode: Route = {
  method: 'POST',
  path: openIdCodePath,
  access: 'public',
  doc: {
    summary: 'Log in by the code that a login through OpenID Connect has shown in a browser: a token',
    body: loginCodeBodySchema,
    answer: newTokenSchema,
    status: 201,
  },
  async handle(context, request, _caller, reply) {
    const { openId } = context;
    if (openId === null) throw new DeployError('usage', 'this server has no OpenID Connect provider (--openid)');
    const session = await logInByCode(context, openId.config, loginCodeBodySchema.parse(request.body), request.ip);
    reply.code(201);
    return session;
  },
};
