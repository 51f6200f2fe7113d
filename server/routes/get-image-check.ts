// GET /v1/image-checks/:id
import { imageCheckSchema } from '../../protocol/image-check.ts';
import { readImageCheck } from '../image-checks/image-checks.ts';
import { pathParameter, type Route } from '../route.ts';

export const getImageCheck: Route = {
  method: 'GET',
  path: '/v1/image-checks/:id',
  access: 'viewer',
  doc: { summary: 'One check of an image', answer: imageCheckSchema },
  handle: ({ db }, request) => readImageCheck(db, pathParameter(request, 'id')),
};
