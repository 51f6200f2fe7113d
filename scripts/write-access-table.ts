// Writes docs/access.md: who may call which route.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describeAccess } from '../server/api-description/describe-access.ts';
import { routes } from '../server/routes.ts';

await writeFile(path.join(import.meta.dirname, '../docs/access.md'), describeAccess(routes));
