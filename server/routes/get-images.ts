// GET /v1/images
import type { Route } from '../route.ts';

export const getImages: Route = {
  method: 'GET',
  path: '/v1/images',
  access: 'viewer',
  handle: ({ store }) => store.listManifests(),
};
