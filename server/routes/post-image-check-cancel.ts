// POST /v1/image-checks/:id/cancel
import { imageCheckSchema } from '../../protocol/image-check.ts';
import { cancelImageCheck } from '../image-checks/image-checks.ts';
import { pathParameter, type Route } from '../route.ts';

export const postImageCheckCancel: Route = {
  method: 'POST',
  path: '/v1/image-checks/:id/cancel',
  access: 'operator',
  doc: { summary: 'Stop a check of an image; one that has ended stays as it is', answer: imageCheckSchema },
  handle: ({ db }, request) => cancelImageCheck(db, pathParameter(request, 'id')),
};
