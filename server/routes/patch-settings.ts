// PATCH /v1/settings: what is not named stays as it is
import { jobLimitsSchema, settingsPatchSchema, settingsSchema } from '../../protocol/settings.ts';
import { transact } from '../database/transact.ts';
import { writeVerification } from '../image-checks/verification.ts';
import { readLimits, writeLimits } from '../jobs/limits.ts';
import type { Route } from '../route.ts';
import { readSettings } from './get-settings.ts';

export const patchSettings: Route = {
  method: 'PATCH',
  path: '/v1/settings',
  access: 'administrator',
  doc: { summary: 'Set something for all servers on this database', body: settingsPatchSchema, answer: settingsSchema },
  async handle({ db }, request) {
    const { jobLimits, imageVerification } = settingsPatchSchema.parse(request.body);
    return transact(db, async (transaction) => {
      if (jobLimits !== undefined) {
        await writeLimits(transaction, jobLimitsSchema.parse({ ...(await readLimits(transaction)), ...jobLimits }));
      }
      if (imageVerification !== undefined) await writeVerification(transaction, imageVerification);
      return readSettings(transaction);
    });
  },
};
