// GET /v1/images/:name: what an image holds, without the list of its chunks
import { imageDetailsSchema } from '../../protocol/image.ts';
import { nameSchema } from '../../protocol/scenario.ts';
import { readHealth } from '../image-checks/image-health.ts';
import { describeImage } from '../images/describe-image.ts';
import { pathParameter, type Route } from '../route.ts';

export const getImage: Route = {
  method: 'GET',
  path: '/v1/images/:name',
  access: 'viewer',
  doc: { summary: 'What an image holds', answer: imageDetailsSchema },
  async handle({ db, store }, request) {
    const image = await describeImage(store, nameSchema.parse(pathParameter(request, 'name')));
    return { ...image, health: await readHealth(db, image.id) };
  },
};
