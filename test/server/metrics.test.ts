// What the server says of itself to monitors: figures, and whether it can do its work.
import { rename } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Readiness } from '../../protocol/rest.ts';
import { Metrics } from '../../server/metrics/metrics.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { eventually, TestServer, uuidA } from './support.ts';

/** Samples by name and labels; throws on a line that is none (https://prometheus.io/docs/instrumenting/exposition_formats/). */
function parseText(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  const described = new Set<string>();
  expect(text.endsWith('\n')).toBe(true);
  for (const line of text.trimEnd().split('\n')) {
    const comment = /^# (?:HELP (\w+) \S.*|TYPE (\w+) (?:counter|gauge|histogram))$/.exec(line);
    if (comment !== null) {
      described.add(comment[1] ?? comment[2] ?? '');
      continue;
    }
    const [, key = '', name = '', value = ''] =
      /^(([a-z_]+)(?:\{[a-z_]+="(?:[^"\\\n]|\\[\\"n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\[\\"n])*")*\})?) (\S+)$/.exec(line) ??
      [];
    expect([line, described.has(name) || described.has(name.replace(/_(bucket|sum|count)$/, ''))]).toEqual([
      line,
      true,
    ]);
    expect([line, samples.has(key), Number.isFinite(Number(value))]).toEqual([line, false, true]);
    samples.set(key, Number(value));
  }
  return samples;
}

async function scrape(server: TestServer): Promise<Map<string, number>> {
  const answer = await server.tls('/metrics', { headers: server.operator });
  expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  return parseText(answer.body.toString());
}

describe('GET /metrics', () => {
  it('counts answers, agents, machines, jobs, the store and the database', async () => {
    await using server = await TestServer.start({ approve: 'all' });
    const token = await server.bootToken(uuidA);
    const agent = await ScriptedAgent.join({ port: server.running.port, token, uuid: uuidA });
    await agent.next('welcome');
    await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }] });
    const [machine] = await server.machines();
    await server.api('POST', '/v1/jobs', { scenario: 'look', machine: machine?.id });
    await server.tls(`/v1/chunks/${'a'.repeat(64)}`, { headers: server.operator });
    await server.tls('/v1/images/nothing/manifest', { headers: server.operator });
    const samples = await scrape(server);
    const value = (key: string) => samples.get(key);
    expect(value('deploy_os_agents_connected')).toBe(1);
    expect(value('deploy_os_machines{state="approved",online="true"}')).toBe(1);
    expect(value('deploy_os_jobs{state="running"}')).toBe(1);
    expect(value('deploy_os_http_requests_total{method="POST",route="/v1/jobs",status="2xx"}')).toBe(1);
    expect(value('deploy_os_http_requests_total{method="GET",route="/v1/chunks/:digest",status="4xx"}')).toBe(1);
    expect(value('deploy_os_store_errors_total{operation="getChunk",code="chunk-not-found"}')).toBe(1);
    expect(value('deploy_os_store_operation_seconds_count{operation="getManifest"}')).toBe(1);
    expect(value('deploy_os_database_query_seconds_count')).toBeGreaterThan(20);
    expect(value('deploy_os_database_query_seconds_bucket{le="+Inf"}')).toBe(
      value('deploy_os_database_query_seconds_count'),
    );
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(10_000_000);
    expect(value('deploy_os_dnsmasq_up')).toBeUndefined();
    // The server is in this very process; from one scrape to the next it measures anew.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const busyMs = performance.now() + 150;
    while (performance.now() < busyMs);
    const delay = await scrape(server);
    expect(delay.get('deploy_os_event_loop_delay_seconds{quantity="max"}')).toBeGreaterThan(0.1);
    expect((await server.tls('/metrics')).status).toBe(401);
  });

  it('is written so that no label breaks a line, and bounded', () => {
    const metrics = new Metrics();
    metrics.count('a_total', { name: 'quote " backslash \\ line\nend' });
    metrics.observeSeconds('b_seconds', { operation: 'x' }, 0.02);
    metrics.observeSeconds('b_seconds', { operation: 'x' }, 100);
    for (let i = 0; i < 5000; i++) metrics.count('c_total', { i: String(i) });
    const samples = parseText(metrics.write({ a_total: 'A.', b_seconds: 'B.', c_total: 'C.' }));
    expect(samples.get('a_total{name="quote \\" backslash \\\\ line\\nend"}')).toBe(1);
    const bucket = (le: string) => samples.get(`b_seconds_bucket{operation="x",le="${le}"}`);
    expect([bucket('0.005'), bucket('0.025'), bucket('10'), bucket('+Inf')]).toEqual([0, 1, 1, 2]);
    expect(samples.get('b_seconds_sum{operation="x"}')).toBe(100.02);
    expect([...samples.keys()].filter((key) => key.startsWith('c_total')).length).toBe(2000);
  });
});

describe('GET /v1/ready', () => {
  it('says by name what is not there, and when it is back', async () => {
    await using server = await TestServer.start();
    const ask = async (): Promise<Readiness & { code: number }> => {
      const answer = await server.tls('/v1/ready');
      return { code: answer.status, ...JSON.parse(answer.body.toString()) };
    };
    expect(await ask()).toEqual({
      code: 200,
      status: 'ready',
      checks: ['database', 'store', 'disk'].map((name) => ({ name, ok: true })),
    });
    const store = path.join(server.dataDir, 'store');
    await rename(store, `${store}.away`);
    const away = await eventually(async () => {
      const answer = await ask();
      return answer.code === 503 && answer;
    });
    expect(away.checks.filter(({ ok }) => !ok)).toEqual([
      { name: 'store', ok: false, reason: 'the image store cannot be written: ENOENT' },
    ]);
    await rename(`${store}.away`, store);
    await eventually(async () => (await ask()).code === 200);
  });
});
