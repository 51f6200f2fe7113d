// POST /v1/machine-file: machines that shall be known before they show up, and changes to many at once
import { machineImportAnswerSchema, machineImportSchema } from '../../protocol/machine-file.ts';
import { importMachines } from '../machines/import-machines.ts';
import type { Route } from '../route.ts';

export const postMachineFile: Route = {
  method: 'POST',
  path: '/v1/machine-file',
  access: 'operator',
  doc: {
    summary: 'Import machines, all or none of them',
    body: machineImportSchema,
    answer: machineImportAnswerSchema,
  },
  async handle({ db }, request) {
    const body = machineImportSchema.parse(request.body);
    const { created, updated } = await importMachines(db, body);
    request.log.info({ created, updated, dryRun: body.dryRun }, 'machines imported');
    return { created, updated, dryRun: body.dryRun };
  },
};
