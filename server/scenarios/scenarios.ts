// Scenarios: written by people, read by the API and by the jobs that copy their steps.
import { DeployError } from '../../protocol/errors.ts';
import type { Scenario } from '../../protocol/rest.ts';
import type { ScenarioBody } from '../../protocol/scenario-body.ts';
import type { Database, Tables } from '../database/schema.ts';
import { transact } from '../database/transact.ts';
import { newId } from '../new-id.ts';

/** @throws DeployError scenario-exists when the name is taken. */
export async function createScenario(db: Database, body: ScenarioBody): Promise<Scenario> {
  const row = {
    id: newId(),
    ...toColumns(body),
    createdAt: new Date().toISOString(),
    updatedAt: null,
  };
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('scenarios')
    .values(row)
    .onConflict((conflict) => conflict.column('name').doNothing())
    .executeTakeFirstOrThrow();
  if (numInsertedOrUpdatedRows !== 1n) throw nameTaken(body.name);
  return toScenario(row);
}

/**
 * What `change` makes of the scenario; jobs that were asked for with it keep their copy of its steps.
 * @throws DeployError scenario-not-found; scenario-exists when its new name is another's; what `change` throws
 */
export async function changeScenario(
  db: Database,
  idOrName: string,
  change: (before: Scenario) => ScenarioBody,
): Promise<Scenario> {
  return transact(db, async (transaction) => {
    const before = await findScenario(transaction, idOrName);
    const body = change(before);
    const twin = await transaction
      .selectFrom('scenarios')
      .select('id')
      .where('name', '=', body.name)
      .executeTakeFirst();
    if (twin !== undefined && twin.id !== before.id) throw nameTaken(body.name);
    const row = { ...toColumns(body), updatedAt: new Date().toISOString() };
    await transaction.updateTable('scenarios').set(row).where('id', '=', before.id).execute();
    return findScenario(transaction, before.id);
  });
}

function nameTaken(name: string): DeployError {
  return new DeployError('scenario-exists', `there is a scenario '${name}' already`);
}

function toColumns({ name, parameters, steps, end }: ScenarioBody) {
  return { name, parameters: JSON.stringify(parameters), steps: JSON.stringify(steps), endAction: end };
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
    parameters: JSON.parse(row.parameters),
    steps: JSON.parse(row.steps),
    end: row.endAction as Scenario['end'],
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
}
