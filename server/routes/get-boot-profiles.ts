// GET /v1/boot-profiles
import { z } from 'zod';
import { bootProfileSchema } from '../../protocol/boot-profile.ts';
import { listBootProfiles } from '../boot-profiles/profiles.ts';
import type { Route } from '../route.ts';

export const getBootProfiles: Route = {
  method: 'GET',
  path: '/v1/boot-profiles',
  access: 'viewer',
  doc: { summary: 'All boot profiles, in the order of their rules', answer: z.array(bootProfileSchema) },
  handle: ({ db }) => listBootProfiles(db),
};
