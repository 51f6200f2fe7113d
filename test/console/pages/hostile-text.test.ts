// What machines and people call things may look like HTML: it is text on every page, and nothing in it runs (docs/security.md).
import { expect, it } from 'vitest';
import type { Job, Machine } from '../../../protocol/rest.ts';
import { makeChecked } from '../../fixtures/checked-disks.ts';
import { ScriptedAgent } from '../../server/scripted-agent.ts';
import { eventually, makeInventory, uuidA } from '../../server/support.ts';
import { Console } from './support.ts';

const hostile = `<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`;
const name = hostile.replaceAll('/', '∕');

it('HTML in names, inventories, logs and results is shown as text', async () => {
  await using console = await Console.start({ approve: 'all' });
  const { server } = console;
  await console.addUser('ann', 'administrator');
  const { port } = server.running;
  const agent = await ScriptedAgent.join({ port, token: await server.bootToken(uuidA), uuid: uuidA });
  await agent.next('welcome');
  const [machine] = (await server.machines()) as [Machine];
  const usual = makeInventory(uuidA);
  const { map: _, tablesDigest: _digest, readError: _error, health: _health, ...disk } = makeChecked(1);
  agent.send({
    type: 'inventory',
    inventory: {
      ...usual,
      smbios: { ...usual.smbios, serial: hostile, manufacturer: hostile, product: hostile },
      cpu: { ...usual.cpu, model: hostile },
      nics: usual.nics.map((nic) => ({ ...nic, name: hostile, result: hostile })),
      disks: [{ ...disk, model: hostile, serial: hostile }],
    },
  });
  await eventually(async () => (await server.machines())[0]?.inventory?.disks.length === 1);
  await server.api('PATCH', `/v1/machines/${machine.id}`, { name, tags: [name] });
  await server.api('POST', '/v1/groups', { name, members: [machine.id] });
  await server.api('POST', '/v1/scenarios', { name, steps: [{ kind: 'check' }], end: 'wait' });
  const when = { kind: 'cron', cron: '0 3 * * *', timeZone: 'UTC' };
  await server.api('POST', '/v1/schedules', { name, scenario: name, machines: [machine.id], when });
  await server.addImage(name, { warnings: [hostile] });
  const job = await server.api<Job>('POST', '/v1/jobs', { scenario: name, machine: machine.id });
  const handed = await agent.next('job');
  agent.send({ type: 'log', jobId: job.id, level: 'error', message: hostile });
  agent.done(handed, { code: 'device-io', message: hostile });
  await agent.next('doneReceived');

  const page = await console.openAs('ann', '/machines');
  const [image] = await server.api<{ name: string }[]>('GET', '/v1/images');
  const [scenario] = await server.api<{ id: string }[]>('GET', '/v1/scenarios');
  const places = [
    ...['/machines', `/machines/${machine.id}`, '/wall', '/jobs', `/jobs/${job.id}`, '/images'],
    ...[`/images/${encodeURIComponent(image?.name ?? '')}`, '/scenarios', `/scenarios/${scenario?.id}`, '/run'],
    ...['/schedule', '/people', '/settings', '/audit'],
  ];
  for (const place of places) {
    await page.goto(place);
    await page.locator('main#content h1').waitFor();
    // Pages without any of it have nothing to show; those that are about it must.
    if (!['/wall', '/run', '/people', '/settings'].includes(place))
      await page.getByText('<img src=x onerror=').first().waitFor({ state: 'attached' });
    const taken = await page.evaluate("document.title === 'taken' || document.querySelector('img[src=x]') !== null");
    expect([place, taken]).toEqual([place, false]);
  }
  agent.cut();
  expect(console.complaints).toEqual([]);
});
