// GET /v1/tags: the tags that machines have
import { countTags } from '../machines/tags.ts';
import type { Route } from '../route.ts';

export const getTags: Route = {
  method: 'GET',
  path: '/v1/tags',
  access: 'viewer',
  handle: ({ db }) => countTags(db),
};
