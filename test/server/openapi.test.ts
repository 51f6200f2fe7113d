// The API's description: it is what the server answers, it is valid, and what the routes answer is what it says.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { describeApi } from '../../server/api-description/describe-api.ts';
import { routes } from '../../server/routes.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { TestServer, uuidA } from './support.ts';

type Operation = {
  readonly operationId: string;
  readonly parameters?: { readonly name: string; readonly in: string }[];
  readonly responses: Record<string, { readonly content?: { 'application/json'?: { schema: object } } }>;
};
type Description = { readonly paths: Record<string, Record<string, Operation>>; readonly components: object };

const description = JSON.parse(JSON.stringify(describeApi(routes))) as Description;
const operations = Object.entries(description.paths).flatMap(([where, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ method, where, operation })),
);

/** Its schemas refer to components of the whole document. */
function compile(schema: object) {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  return ajv.compile({ ...schema, components: description.components });
}

describe('the description of the API', () => {
  it('is the one in docs/, which `node scripts/write-openapi.ts` writes', () => {
    const kept = readFileSync(path.join(import.meta.dirname, '../../docs/openapi.json'), 'utf8');
    expect(JSON.parse(kept)).toEqual(description);
  });

  it('has every route once, with all parameters of its path', () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBe(routes.length + 1);
    for (const { where, operation } of operations) {
      const named = [...where.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const given = (operation.parameters ?? []).filter((one) => one.in === 'path').map(({ name }) => name);
      expect([where, given]).toEqual([where, named]);
    }
  });

  it('has schemas that are valid and whose references lead somewhere', () => {
    const texts = JSON.stringify(description).match(/\{"schema":/g) ?? [];
    expect(texts.length).toBeGreaterThan(40);
    for (const part of Object.values((description.components as { schemas: object }).schemas)) compile(part as object);
    const schemas = JSON.stringify(description.paths).matchAll(/"\$ref":"#\/([^"]+)"/g);
    for (const [, place = ''] of schemas) {
      const found = place.split('/').reduce<unknown>((at, key) => (at as Record<string, unknown>)?.[key], description);
      expect([place, typeof found]).toEqual([place, 'object']);
    }
  });

  it('says what the server answers', async () => {
    await using server = await TestServer.start({ approve: 'all' });
    const agent = await ScriptedAgent.join({
      port: server.running.port,
      token: await server.bootToken(uuidA),
      uuid: uuidA,
    });
    await agent.next('welcome');
    await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }] });
    const [machine] = await server.machines();
    await server.api('POST', '/v1/jobs', { scenario: 'look', machine: machine?.id });
    await server.api('POST', '/v1/users', { name: 'ann', password: 'correct horse battery', role: 'viewer' });
    await server.api('POST', '/v1/enrolments', { label: 'x' });
    const asked = operations.flatMap(({ method, where, operation }) => {
      const schema = operation.responses['200']?.content?.['application/json']?.schema;
      return method === 'get' && !where.includes('{') && schema !== undefined ? [{ where, schema }] : [];
    });
    expect(asked.length).toBeGreaterThan(10);
    for (const { where, schema } of asked) {
      const validate = compile(schema);
      validate(await server.api('GET', where));
      expect([where, validate.errors]).toEqual([where, null]);
    }
    const open = await server.tls('/v1/openapi.json');
    expect(JSON.parse(open.body.toString())).toEqual(description);
  });
});
