// POST /v1/store/gc: frees the chunks that no image needs; safe beside captures, also those of other servers
import { collectGarbage } from '../../imaging/store/collect-garbage.ts';
import { garbageRequestSchema } from '../../protocol/rest.ts';
import type { Route } from '../route.ts';

export const postStoreGc: Route = {
  method: 'POST',
  path: '/v1/store/gc',
  access: 'operator',
  costly: true,
  doc: {
    summary: 'Remove chunks that no image names; line by line',
    body: garbageRequestSchema,
    answer: 'application/x-ndjson',
  },
  async handle({ store, tasks }, request, _caller, reply) {
    const asked = garbageRequestSchema.parse(request.body);
    return tasks.start(reply, async ({ signal }) => {
      const result = await collectGarbage(store, { ...asked, signal });
      request.log.info({ ...asked, ...result }, 'garbage collected');
      return result;
    });
  },
};
