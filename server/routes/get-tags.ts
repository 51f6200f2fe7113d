// GET /v1/tags: the tags that machines have
import { z } from 'zod';
import { tagCountSchema } from '../../protocol/group.ts';
import { countTags } from '../machines/tags.ts';
import { groupsSeenBy } from '../people/machine-access.ts';
import type { Route } from '../route.ts';

export const getTags: Route = {
  method: 'GET',
  path: '/v1/tags',
  access: 'viewer',
  on: 'caller',
  doc: { summary: 'The tags that machines have, and how many have each', answer: z.array(tagCountSchema) },
  handle: ({ db }, _request, caller) => countTags(db, groupsSeenBy(caller)),
};
