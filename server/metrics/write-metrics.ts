// The answer of `GET /metrics`: what was counted, and what is asked now.
import type { Context } from '../context.ts';
import { countDamaged } from '../image-checks/image-health.ts';
import { version } from '../version.ts';
import { type Kind, type Labels, writeHead, writeLabels } from './metrics.ts';

const help = {
  deploy_os_info: 'Version of the server.',
  process_cpu_seconds_total: 'Processor time used, by mode.',
  process_resident_memory_bytes: 'Memory of the process.',
  process_start_time_seconds: 'Start of the process, in seconds since 1970.',
  nodejs_heap_used_bytes: 'Memory that JavaScript objects take.',
  nodejs_external_memory_bytes: 'Memory of buffers.',
  deploy_os_event_loop_delay_seconds:
    'Longest time (max) and 99th percentile (p99) without attention to anybody, since the last scrape.',
  deploy_os_agents_connected: 'Agents connected to this server.',
  deploy_os_machines: 'Machines in the database, by state and by whether their agent is connected to any server.',
  deploy_os_jobs: 'Jobs in the database, by state.',
  deploy_os_images_damaged: 'Images whose last reading found them damaged.',
  deploy_os_image_checks_total: 'Checks of images that this server has done, by kind and outcome.',
  deploy_os_dnsmasq_up: '1 while dnsmasq runs; absent without --dhcp-interface.',
  deploy_os_dnsmasq_restarts_total: 'How often dnsmasq had to be started again.',
  deploy_os_http_requests_total: 'Answers, by route and class of status.',
  deploy_os_http_request_seconds: 'Time from request to answer, by route.',
  deploy_os_data_received_bytes_total: 'Bodies of chunks and manifests that were sent to this server.',
  deploy_os_data_sent_bytes_total: 'Bodies of chunks and manifests that this server sent.',
  deploy_os_store_operation_seconds: 'Operations of the image store.',
  deploy_os_store_errors_total: 'Failed operations of the image store, by code (docs/errors.md).',
  deploy_os_database_query_seconds: 'Statements of the database.',
  deploy_os_database_errors_total: 'Failed statements of the database.',
} as const;

type Sample = readonly [labels: Labels, value: number];

export async function writeMetrics(context: Context): Promise<string> {
  const now = [...(await readDatabase(context)), ...readProcess(context)].map(([name, kind, samples]) =>
    [...writeHead(name, kind, help), ...samples.map(([labels, value]) => `${name}${writeLabels(labels)} ${value}`)]
      .map((line) => `${line}\n`)
      .join(''),
  );
  return [...now, context.metrics.write(help)].join('');
}

type Family = readonly [name: keyof typeof help, kind: Kind, samples: readonly Sample[]];

function readProcess({ agents, eventLoop, services }: Context): Family[] {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  const delay = eventLoop.read();
  const { dnsmasq } = services;
  const bootServices: Family[] = [
    ['deploy_os_dnsmasq_up', 'gauge', [[{}, Number(dnsmasq?.isRunning())]]],
    ['deploy_os_dnsmasq_restarts_total', 'counter', [[{}, dnsmasq?.restarts() ?? 0]]],
  ];
  return [
    ['deploy_os_info', 'gauge', [[{ version, node: process.version }, 1]]],
    [
      'process_cpu_seconds_total',
      'counter',
      [
        [{ mode: 'user' }, user / 1e6],
        [{ mode: 'system' }, system / 1e6],
      ],
    ],
    ['process_resident_memory_bytes', 'gauge', [[{}, rss]]],
    ['process_start_time_seconds', 'gauge', [[{}, Math.round(performance.timeOrigin / 1000)]]],
    ['nodejs_heap_used_bytes', 'gauge', [[{}, heapUsed]]],
    ['nodejs_external_memory_bytes', 'gauge', [[{}, external]]],
    [
      'deploy_os_event_loop_delay_seconds',
      'gauge',
      [
        [{ quantity: 'p99' }, delay.p99],
        [{ quantity: 'max' }, delay.max],
      ],
    ],
    ['deploy_os_agents_connected', 'gauge', [[{}, agents.list().length]]],
    ...(dnsmasq === undefined ? [] : bootServices),
  ];
}

async function readDatabase({ db }: Context): Promise<Family[]> {
  const jobs = await db
    .selectFrom('jobs')
    .select(({ fn }) => ['state', fn.countAll().as('count')])
    .groupBy('state')
    .execute();
  const now = new Date().toISOString();
  const all = await db
    .selectFrom('machines')
    .select(({ fn }) => ['state', fn.countAll().as('count')])
    .groupBy('state')
    .execute();
  const online = await db
    .selectFrom('machines')
    .select(({ fn }) => ['state', fn.countAll().as('count')])
    .where('onlineUntil', '>', now)
    .groupBy('state')
    .execute();
  const onlineOf = (state: string) => Number(online.find((row) => row.state === state)?.count ?? 0);
  const machines = all.flatMap(({ state, count }): Sample[] => [
    [{ state, online: 'true' }, onlineOf(state)],
    [{ state, online: 'false' }, Number(count) - onlineOf(state)],
  ]);
  return [
    ['deploy_os_jobs', 'gauge', jobs.map(({ state, count }): Sample => [{ state }, Number(count)])],
    ['deploy_os_machines', 'gauge', machines],
    ['deploy_os_images_damaged', 'gauge', [[{}, await countDamaged(db)]]],
  ];
}
