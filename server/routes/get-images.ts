// GET /v1/images
import { z } from 'zod';
import { imageEntrySchema } from '../../protocol/rest.ts';
import { withHealth } from '../image-checks/image-health.ts';
import type { Route } from '../route.ts';

export const getImages: Route = {
  method: 'GET',
  path: '/v1/images',
  access: 'viewer',
  doc: { summary: 'All images', answer: z.array(imageEntrySchema) },
  handle: async ({ db, store }) => withHealth(db, await store.listManifests()),
};
