// What people did, or were refused: written before they are answered, and never changed (the database itself refuses that).
import type { z } from 'zod';
import type { About, AboutKey, AuditEntry, auditPageSchema } from '../../protocol/people.ts';
import type { Database } from '../database/schema.ts';
import { newId } from '../new-id.ts';
import { digestScripts } from '../scenarios/check-scripts.ts';

const maxValueLength = 255;
/** What of a body is kept: names of things, and what is wanted of them. */
const kept = [
  ...['name', 'scenario', 'machine', 'approve', 'state', 'role', 'disabled', 'label', 'bootProfile', 'check', 'reason'],
  ...['addTags', 'removeTags', 'rules', 'members', 'add', 'remove', 'from'],
  'driver',
  ...['user', 'group', 'machines', 'retries', 'jobLimits'],
  ...['enabled', 'wake'],
  ...['image', 'kind', 'boot', 'useDamaged', 'imageVerification'],
] as const satisfies readonly AboutKey[];

type Entry = Omit<AuditEntry, 'id' | 'at' | 'about'> & { readonly about: About };

export async function writeAudit(db: Database, entry: Entry): Promise<void> {
  const row = { ...entry, id: newId(), at: new Date().toISOString(), about: JSON.stringify(entry.about) };
  await db.insertInto('audit').values(row).execute();
}

/** What an action is about: the parameters of its path, and of its body what names something. */
export function readAbout(parameters: unknown, body: unknown): About {
  const given = isRecord(body) ? body : {};
  // A BMC's user is none of ours.
  const names = 'driver' in given ? kept.filter((name) => name !== 'user') : kept;
  const named = names.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]);
  const scripts = digestScripts(body);
  const all = [
    ...Object.entries(isRecord(parameters) ? parameters : {}),
    ...named,
    ...(scripts === null ? [] : [['scripts', scripts]]),
  ];
  return Object.fromEntries(all.map(([name, value]) => [String(name), printable(value)]));
}

/** Newest first. */
export async function readAudit(
  db: Database,
  { limit, before }: { readonly limit: number; readonly before?: string | undefined },
): Promise<z.infer<typeof auditPageSchema>> {
  let query = db
    .selectFrom('audit')
    .selectAll()
    .orderBy('id', 'desc')
    .limit(limit + 1);
  if (before !== undefined) query = query.where('id', '<', before);
  const rows = await query.execute();
  const entries = rows.slice(0, limit).map((row) => ({ ...row, about: JSON.parse(row.about) }));
  return { entries, next: rows.length > limit ? (entries.at(-1)?.id ?? null) : null };
}

function printable(value: unknown): string {
  return String(typeof value === 'object' ? JSON.stringify(value) : value).slice(0, maxValueLength);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
}
