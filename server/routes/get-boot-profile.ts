// GET /v1/boot-profiles/:id
import { findBootProfile } from '../boot-profiles/profiles.ts';
import { pathParameter, type Route } from '../route.ts';

export const getBootProfile: Route = {
  method: 'GET',
  path: '/v1/boot-profiles/:id',
  access: 'viewer',
  handle: ({ db }, request) => findBootProfile(db, pathParameter(request, 'id')),
};
