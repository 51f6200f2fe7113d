// The schemas of the API's description: JSON Schema made from those that the server parses with, each named once.
import { z } from 'zod';
import * as approvalRule from '../../protocol/approval-rule.ts';
import * as bootProfile from '../../protocol/boot-profile.ts';
import * as diskCheck from '../../protocol/disk-check.ts';
import * as events from '../../protocol/events.ts';
import * as group from '../../protocol/group.ts';
import * as inventory from '../../protocol/inventory.ts';
import * as machineFile from '../../protocol/machine-file.ts';
import * as machineRule from '../../protocol/machine-rule.ts';
import * as medium from '../../protocol/medium.ts';
import * as people from '../../protocol/people.ts';
import * as rest from '../../protocol/rest.ts';
import * as scenario from '../../protocol/scenario.ts';

export type Json = { [key: string]: unknown };

/** Of what a client sends, and of what it gets: defaults and transforms make two shapes of one schema. */
type Direction = 'input' | 'output';

const place = '#/components/schemas/';
const modules = [
  approvalRule,
  bootProfile,
  diskCheck,
  events,
  group,
  inventory,
  machineFile,
  machineRule,
  medium,
  people,
  rest,
  scenario,
];

/** Exported schemas by their names without `Schema`: `machineSchema` is `Machine`. */
const named = new Map(
  modules.flatMap((module) =>
    Object.entries(module).flatMap(([name, value]): [string, z.ZodType][] =>
      value instanceof z.ZodType && name.endsWith('Schema')
        ? [[name.charAt(0).toUpperCase() + name.slice(1, -'Schema'.length), value]]
        : [],
    ),
  ),
);

export class Components {
  readonly #wanted: Record<Direction, Map<string, z.ZodType>> = { input: new Map(), output: new Map() };

  /** Its schema will be found under this name when all are written. */
  want(direction: Direction, key: string, schema: z.ZodType): void {
    this.#wanted[direction].set(key, schema);
  }

  /** What was wanted, by its key, and the components that it refers to. */
  write(): { readonly schemas: ReadonlyMap<string, Json>; readonly components: Json } {
    const schemas = new Map<string, Json>();
    const components = new Map<string, Json>();
    for (const direction of ['input', 'output'] as const) {
      for (const [key, json] of convert(direction, this.#wanted[direction])) {
        if (key.includes(' ')) schemas.set(key, json);
        else components.set(key, json);
      }
    }
    return { schemas, components: Object.fromEntries(reachable(components, [...schemas.values()])) };
  }
}

/** A schema that goes both ways has a name for each. */
function nameFor(direction: Direction, name: string): string {
  return direction === 'input' ? `${name}Input` : name;
}

function convert(direction: Direction, wanted: ReadonlyMap<string, z.ZodType>): [string, Json][] {
  const registry = z.registry<{ id: string }>();
  for (const [name, schema] of named) registry.add(schema, { id: nameFor(direction, name) });
  for (const [key, schema] of wanted) {
    // One that has a name already is wanted as a reference to it.
    registry.add(
      z.lazy(() => schema),
      { id: key },
    );
  }
  const { schemas } = z.toJSONSchema(registry, {
    io: direction,
    unrepresentable: 'any',
    uri: (id) => `${place}${id}`,
    override: ({ zodSchema, jsonSchema }) => {
      const { def } = zodSchema._zod;
      // What a string is like is known before it is normalized.
      if (direction === 'output' && def.type === 'pipe') Object.assign(jsonSchema, beforeTransform(zodSchema));
      // A page of regular expression that says the same.
      if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
      // Answers may say more one day.
      if (direction === 'output') delete jsonSchema.additionalProperties;
    },
  });
  return Object.entries(schemas).map(([id, { $schema: _, $id: __, ...json }]) => [id, json as Json]);
}

function beforeTransform(schema: z.core.$ZodType): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return json;
}

/** Those that the roots name, and what these name, in order of name. */
function reachable(components: ReadonlyMap<string, Json>, roots: readonly Json[]): [string, Json][] {
  const found = new Set<string>();
  const waiting: Json[] = [...roots];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const [, name = ''] of JSON.stringify(next).matchAll(/"#\/components\/schemas\/([^"/]+)"/g)) {
      const component = components.get(name);
      if (found.has(name) || component === undefined) continue;
      found.add(name);
      waiting.push(component);
    }
  }
  return [...components].filter(([name]) => found.has(name)).sort(([a], [b]) => (a < b ? -1 : 1));
}
