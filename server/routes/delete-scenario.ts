// DELETE /v1/scenarios/:id
import { pathParameter, type Route } from '../route.ts';
import { deleteScenario as deleteFromDatabase } from '../scenarios/scenarios.ts';

export const deleteScenario: Route = {
  method: 'DELETE',
  path: '/v1/scenarios/:id',
  access: 'operator',
  doc: { summary: 'Remove a scenario; its jobs stay' },
  handle: ({ db }, request) => deleteFromDatabase(db, pathParameter(request, 'id')),
};
