// POST /v1/store/check: reads the store, or a part of it, and names what is damaged
import { availableParallelism } from 'node:os';
import { checkStore } from '../../imaging/store/check-store.ts';
import { storeCheckRequestSchema } from '../../protocol/rest.ts';
import type { Route } from '../route.ts';

export const postStoreCheck: Route = {
  method: 'POST',
  path: '/v1/store/check',
  access: 'operator',
  costly: true,
  doc: {
    summary: 'Check the whole store; the answer comes line by line (docs/protocol.md, "Tasks")',
    body: storeCheckRequestSchema,
    answer: 'application/x-ndjson',
  },
  async handle({ store, tasks }, request, _caller, reply) {
    const asked = storeCheckRequestSchema.parse(request.body);
    // The other half is for the machines that the server serves meanwhile.
    const workers = Math.ceil(availableParallelism() / 2);
    return tasks.start(reply, async (run) => {
      const result = await checkStore(store, { ...run, ...asked, workers });
      const { images, checkedChunks, problemCount } = result;
      request.log[problemCount > 0 ? 'error' : 'info']({ images, checkedChunks, problemCount }, 'store checked');
      return result;
    });
  },
};
