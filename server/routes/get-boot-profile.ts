// GET /v1/boot-profiles/:id
import { bootProfileSchema } from '../../protocol/boot-profile.ts';
import { findBootProfile } from '../boot-profiles/profiles.ts';
import { pathParameter, type Route } from '../route.ts';

export const getBootProfile: Route = {
  method: 'GET',
  path: '/v1/boot-profiles/:id',
  access: 'viewer',
  doc: { summary: 'One boot profile', answer: bootProfileSchema },
  handle: ({ db }, request) => findBootProfile(db, pathParameter(request, 'id')),
};
