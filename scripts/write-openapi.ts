// Writes docs/openapi.json: what `GET /v1/openapi.json` of this version answers.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describeApi } from '../server/api-description/describe-api.ts';
import { routes } from '../server/routes.ts';

const file = path.join(import.meta.dirname, '../docs/openapi.json');
await writeFile(file, `${JSON.stringify(describeApi(routes), null, 1)}\n`);
