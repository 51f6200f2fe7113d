// PATCH /v1/boot-profiles/:id
import { bootProfilePatchSchema, bootProfileSchema } from '../../protocol/boot-profile.ts';
import { changeBootProfile } from '../boot-profiles/profiles.ts';
import { pathParameter, type Route } from '../route.ts';

export const patchBootProfile: Route = {
  method: 'PATCH',
  path: '/v1/boot-profiles/:id',
  access: 'operator',
  doc: { summary: 'Change a boot profile', body: bootProfilePatchSchema, answer: bootProfileSchema },
  async handle(context, request) {
    const patch = bootProfilePatchSchema.parse(request.body);
    const profile = await changeBootProfile(context, pathParameter(request, 'id'), patch);
    request.log.info({ profile }, 'boot profile changed');
    return profile;
  },
};
