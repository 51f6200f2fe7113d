// Reads from the API of a server in the lab's network: a path a line comes in, an answer a line goes out. One process for a whole run, because
// starting the command line anew at each look takes a processor from the machine that is waited for.
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { callOnce } from '../../cli/connect.ts';
import { toDeployError } from '../../protocol/errors.ts';

const [dataDir = ''] = process.argv.slice(2);

for await (const path of createInterface({ input: process.stdin })) {
  const answer = await callOnce({ data: dataDir }, 'GET', path, z.unknown()).then(
    (value) => ({ value }),
    (thrown) => ({ error: toDeployError(thrown).message }),
  );
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
