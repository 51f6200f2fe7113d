// The API as OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1.html), made from the route table and the schemas.
import { z } from 'zod';
import { eventsSchema, watchRequestSchema } from '../../protocol/events.ts';
import { errorAnswerSchema } from '../../protocol/rest.ts';
import type { Access } from '../callers.ts';
import type { Route } from '../route.ts';
import { version } from '../version.ts';
import { Components, type Json } from './components.ts';

type Part = 'query' | 'body' | 'answer';

const keyOf = (route: Route, part: Part): string => `${route.method} ${route.path} ${part}`;

export function describeApi(routes: readonly Route[]): Json {
  const wanted = new Components();
  for (const route of routes) {
    const { query, body, answer } = route.doc;
    if (query !== undefined) wanted.want('input', keyOf(route, 'query'), query);
    if (body instanceof z.ZodType) wanted.want('input', keyOf(route, 'body'), body);
    if (answer instanceof z.ZodType) wanted.want('output', keyOf(route, 'answer'), answer);
  }
  wanted.want('output', 'an error', errorAnswerSchema);
  wanted.want('input', 'a watch', watchRequestSchema);
  wanted.want('output', 'the events', eventsSchema);
  const { schemas, components } = wanted.write();
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: describeRoute(route, schemas) };
  }
  paths['/v1/events'] = { get: describeEvents(schemas) };
  return {
    openapi: '3.1.1',
    info: {
      title: 'Deploy-OS',
      version,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      description:
        'What each route means, and what is no JSON, is in docs/protocol.md; error codes are in docs/errors.md.',
    },
    servers: [{ url: '/' }],
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      schemas: components,
      responses: { Error: { description: 'What failed', content: json(schemas.get('an error') ?? {}) } },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: "A login's token, a script's, or the operator token" },
        cookie: {
          type: 'apiKey',
          in: 'cookie',
          name: '__Host-deploy-os',
          description: 'A login of a browser; requests other than GET must have an Origin that is this server’s',
        },
        bootId: {
          type: 'apiKey',
          in: 'header',
          name: 'Deploy-Boot-Id',
          description: 'Of an agent, beside its boot token',
        },
      },
    },
  };
}

function describeRoute(route: Route, schemas: ReadonlyMap<string, Json>): Json {
  const { doc, path } = route;
  return {
    operationId: operationId(route),
    tags: [path.split('/')[2] ?? ''],
    summary: doc.summary,
    ...describeAccess(route.access),
    ...describeParameters(route, schemas),
    ...(doc.body === undefined ? {} : { requestBody: { required: true, content: contentOf(route, 'body', schemas) } }),
    responses: { ...describeAnswer(route, schemas), default: { $ref: '#/components/responses/Error' } },
  };
}

/** `GET /v1/jobs/:id/log` is `getJobsByIdLog`. */
function operationId({ method, path }: Route): string {
  const words = path
    .replace(/^\/v1\//, '')
    .split(/[/.-]/)
    .map((word) => (word.startsWith(':') ? `By${capital(word.slice(1))}` : capital(word)));
  return method.toLowerCase() + words.join('');
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function describeAccess(access: Access): Json {
  const person = [{ token: [] }, { cookie: [] }];
  if (access === 'public') return { security: [] };
  if (access !== 'job' && access !== 'storing-job') return { security: person, 'x-role': access };
  return { security: [...person, { token: [], bootId: [] }], 'x-role': 'operator', 'x-agent': access };
}

function describeParameters(route: Route, schemas: ReadonlyMap<string, Json>): Json {
  const inPath = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const query = schemas.get(keyOf(route, 'query')) as { properties?: Json; required?: string[] } | undefined;
  const inQuery = Object.entries(query?.properties ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    required: query?.required?.includes(name) ?? false,
    schema,
  }));
  const parameters = [...inPath, ...inQuery];
  return parameters.length === 0 ? {} : { parameters };
}

function describeAnswer(route: Route, schemas: ReadonlyMap<string, Json>): Json {
  const { doc } = route;
  if (doc.answer === undefined) return { [doc.status ?? 204]: { description: 'Done' } };
  return { [doc.status ?? 200]: { description: 'Done', content: contentOf(route, 'answer', schemas) } };
}

function contentOf(route: Route, part: 'body' | 'answer', schemas: ReadonlyMap<string, Json>): Json {
  const what = route.doc[part];
  if (typeof what === 'string') return { [what]: {} };
  return json(schemas.get(keyOf(route, part)) ?? {});
}

function json(schema: Json): Json {
  return { 'application/json': { schema } };
}

/** OpenAPI has no words for what is said on a WebSocket. */
function describeEvents(schemas: ReadonlyMap<string, Json>): Json {
  return {
    operationId: 'getEvents',
    tags: ['events'],
    summary: 'Live events, by WebSocket (docs/protocol.md, "Live events")',
    ...describeAccess('viewer'),
    'x-websocket': { send: schemas.get('a watch'), receive: schemas.get('the events') },
    responses: { 101: { description: 'It is a WebSocket now' }, default: { $ref: '#/components/responses/Error' } },
  };
}
