// Scenarios: written once, read by the API and by the jobs that copy their steps.
import { DeployError } from '../../protocol/errors.ts';
import type { Scenario } from '../../protocol/rest.ts';
import type { ScenarioBody } from '../../protocol/scenario.ts';
import type { Database, Tables } from '../database/schema.ts';
import { newId } from '../new-id.ts';

/** @throws DeployError scenario-exists when the name is taken. */
export async function createScenario(db: Database, body: ScenarioBody): Promise<Scenario> {
  const row = {
    id: newId(),
    name: body.name,
    steps: JSON.stringify(body.steps),
    endAction: body.end,
    createdAt: new Date().toISOString(),
  };
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('scenarios')
    .values(row)
    .onConflict((conflict) => conflict.column('name').doNothing())
    .executeTakeFirstOrThrow();
  if (numInsertedOrUpdatedRows !== 1n) {
    throw new DeployError('scenario-exists', `there is a scenario '${body.name}' already`);
  }
  return toScenario(row);
}

/** In order of name. */
export async function listScenarios(db: Database): Promise<Scenario[]> {
  return (await db.selectFrom('scenarios').selectAll().orderBy('name').execute()).map(toScenario);
}

/** By id or by name. @throws DeployError scenario-not-found */
export async function findScenario(db: Database, idOrName: string): Promise<Scenario> {
  const rows = await db
    .selectFrom('scenarios')
    .selectAll()
    .where((where) => where.or([where('id', '=', idOrName), where('name', '=', idOrName.normalize('NFC'))]))
    .execute();
  const found = rows.find((row) => row.id === idOrName) ?? rows[0];
  if (found === undefined) throw new DeployError('scenario-not-found', `no scenario '${idOrName}'`);
  return toScenario(found);
}

/** Jobs that were asked for with it keep their copy of its steps. @throws DeployError scenario-not-found */
export async function deleteScenario(db: Database, idOrName: string): Promise<void> {
  const { id } = await findScenario(db, idOrName);
  await db.deleteFrom('scenarios').where('id', '=', id).execute();
}

function toScenario(row: Tables['scenarios']): Scenario {
  return {
    id: row.id,
    name: row.name,
    steps: JSON.parse(row.steps),
    end: row.endAction as Scenario['end'],
    createdAt: row.createdAt,
  };
}
