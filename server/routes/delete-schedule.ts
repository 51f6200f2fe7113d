// DELETE /v1/schedules/:id; its jobs stay
import { pathParameter, type Route } from '../route.ts';
import { deleteSchedule as deleteFromDatabase } from '../schedules/schedules.ts';

export const deleteSchedule: Route = {
  method: 'DELETE',
  path: '/v1/schedules/:id',
  access: 'operator',
  doc: { summary: 'Delete a schedule; its jobs stay' },
  handle: ({ db }, request) => deleteFromDatabase(db, pathParameter(request, 'id')),
};
