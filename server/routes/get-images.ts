// GET /v1/images
import { z } from 'zod';
import { imageEntrySchema } from '../../protocol/rest.ts';
import type { Route } from '../route.ts';

export const getImages: Route = {
  method: 'GET',
  path: '/v1/images',
  access: 'viewer',
  doc: { summary: 'All images', answer: z.array(imageEntrySchema) },
  handle: ({ store }) => store.listManifests(),
};
