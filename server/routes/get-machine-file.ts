// GET /v1/machine-file: all machines, as POST takes them
import { z } from 'zod';
import { fileMachineSchema } from '../../protocol/machine-file.ts';
import { exportMachines } from '../machines/export-machines.ts';
import type { Route } from '../route.ts';

export const getMachineFile: Route = {
  method: 'GET',
  path: '/v1/machine-file',
  access: 'viewer',
  doc: { summary: 'All machines, as an import takes them', answer: z.array(fileMachineSchema) },
  handle: ({ db }) => exportMachines(db),
};
