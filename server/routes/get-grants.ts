// GET /v1/grants
import { z } from 'zod';
import { grantSchema } from '../../protocol/people.ts';
import { listGrants } from '../people/grants.ts';
import type { Route } from '../route.ts';

export const getGrants: Route = {
  method: 'GET',
  path: '/v1/grants',
  access: 'administrator',
  doc: { summary: 'Roles of people on groups of machines', answer: z.array(grantSchema) },
  handle: ({ db }) => listGrants(db),
};
