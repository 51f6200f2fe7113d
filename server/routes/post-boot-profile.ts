// POST /v1/boot-profiles
import { bootProfileBodySchema, bootProfileSchema } from '../../protocol/boot-profile.ts';
import { createBootProfile } from '../boot-profiles/profiles.ts';
import type { Route } from '../route.ts';

export const postBootProfile: Route = {
  method: 'POST',
  path: '/v1/boot-profiles',
  access: 'operator',
  doc: { summary: 'Make a boot profile', body: bootProfileBodySchema, answer: bootProfileSchema, status: 201 },
  async handle(context, request, _caller, reply) {
    const profile = await createBootProfile(context, bootProfileBodySchema.parse(request.body));
    request.log.info({ profile }, 'boot profile created');
    reply.code(201);
    return profile;
  },
};
