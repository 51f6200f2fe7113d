// DELETE /v1/boot-profiles/:id
import { unlinkProfileFiles } from '../boot-profiles/boot-of.ts';
import { deleteBootProfile as deleteFromDatabase } from '../boot-profiles/profiles.ts';
import { pathParameter, type Route } from '../route.ts';

export const deleteBootProfile: Route = {
  method: 'DELETE',
  path: '/v1/boot-profiles/:id',
  access: 'operator',
  doc: { summary: 'Remove a boot profile and its files' },
  async handle(context, request) {
    const profile = await deleteFromDatabase(context, pathParameter(request, 'id'));
    await unlinkProfileFiles(context.config, profile);
    request.log.info({ profile: profile.name }, 'boot profile deleted');
  },
};
