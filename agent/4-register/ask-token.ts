// Fourth stage, where no boot script has given a token (a CD, a USB stick, a boot server of somebody else's): the server is asked for one.
import { HttpsClient } from '../../imaging/store/https-client.ts';
import { DeployError } from '../../protocol/errors.ts';
import { type BootTokenRequest, bootTokenSchema } from '../../protocol/rest.ts';
import type { ServerConnection } from '../context.ts';

/** A server that is away is asked again for so long; then the search for it begins anew. */
const retryForMs = 60_000;
const maxAnswerBytes = 4096;

/** @throws DeployError invalid-input for a machine that nothing tells apart; server-unreachable, server-error */
export async function askToken(server: ServerConnection, machine: BootTokenRequest): Promise<string> {
  const client = new HttpsClient({ ...server, headers: {}, retryForMs, maxSockets: 1 });
  try {
    const body = [Buffer.from(JSON.stringify(machine))];
    const call = {
      method: 'POST',
      path: '/v1/boot-token',
      body,
      contentType: 'application/json',
      maxAnswerBytes,
    } as const;
    const answer = (await client.call(call)).toString();
    return bootTokenSchema.parse(JSON.parse(answer)).token;
  } catch (thrown) {
    if (thrown instanceof DeployError) throw thrown;
    throw new DeployError('server-error', 'asking for a boot token: the answer is not what docs/protocol.md says', {
      cause: thrown,
      hint: 'Are server and medium of the same version?',
    });
  } finally {
    client.close();
  }
}
