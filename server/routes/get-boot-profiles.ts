// GET /v1/boot-profiles
import { listBootProfiles } from '../boot-profiles/profiles.ts';
import type { Route } from '../route.ts';

export const getBootProfiles: Route = {
  method: 'GET',
  path: '/v1/boot-profiles',
  access: 'viewer',
  handle: ({ db }) => listBootProfiles(db),
};
