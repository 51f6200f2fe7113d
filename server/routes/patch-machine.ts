// PATCH /v1/machines/:id: approve, rename, tag, set its boot profile
import { machinePatchSchema, machineSchema } from '../../protocol/rest.ts';
import { noticeApproval, noticeName } from '../agents/dispatch.ts';
import { changeMachine } from '../machines/change-machine.ts';
import { showMachines } from '../machines/list-machines.ts';
import { findMachine } from '../machines/read-machines.ts';
import { pathParameter, type Route } from '../route.ts';

export const patchMachine: Route = {
  method: 'PATCH',
  path: '/v1/machines/:id',
  access: 'operator',
  on: 'machine',
  doc: {
    summary: 'Approve, rename, tag or set the boot profile of a machine',
    body: machinePatchSchema,
    answer: machineSchema,
  },
  async handle(context, request) {
    const patch = machinePatchSchema.parse(request.body);
    const { id } = await findMachine(context.db, pathParameter(request, 'id'));
    await changeMachine(context.db, id, patch);
    request.log.info({ machine: id, ...patch }, 'machine changed');
    if (patch.state === 'approved') await noticeApproval(context, id);
    const changed = await findMachine(context.db, id);
    if (patch.name !== undefined) noticeName(context, changed);
    const [machine] = await showMachines(context.db, [changed]);
    return machine;
  },
};
