// POST /v1/image-checks: an image is verified or proved, in the background
import { imageCheckRequestSchema, imageCheckSchema } from '../../protocol/image-check.ts';
import { nameOf } from '../callers.ts';
import { requestImageCheck } from '../image-checks/image-checks.ts';
import type { Route } from '../route.ts';

export const postImageCheck: Route = {
  method: 'POST',
  path: '/v1/image-checks',
  access: 'operator',
  doc: {
    summary: 'Have an image verified or proved by the server; of one that waits or runs already, that one',
    body: imageCheckRequestSchema,
    answer: imageCheckSchema,
    status: 201,
  },
  async handle(context, request, caller, reply) {
    const asked = imageCheckRequestSchema.parse(request.body);
    const { check, isNew } = await requestImageCheck(context, asked, nameOf(caller) ?? '');
    if (isNew) reply.code(201);
    return check;
  },
};
