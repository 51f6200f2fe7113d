// The lab's eyes on its server: what the API tells, asked from inside the machines' network by one process that stays (read-server.ts).
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { NetworkNamespace } from './network-namespace.ts';

const program = path.join(import.meta.dirname, 'read-server.ts');

export class ServerReader {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;
  #last: Promise<unknown> = Promise.resolve();

  /** Of the server whose data lie there; it may be started anew as often as wanted. Ends with its network. */
  constructor(network: NetworkNamespace, dataDir: string) {
    const [wrapper, args] = network.wrapCommand(process.execPath, [program, dataDir]);
    this.#child = spawn(wrapper, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines: Interface = createInterface({ input: this.#child.stdout });
    this.#lines = lines[Symbol.asyncIterator]();
  }

  /** What `GET path` answers. Throws with the words of its error. */
  read<T>(path: string): Promise<T> {
    const answer = this.#last.catch(() => {}).then(() => this.#exchange<T>(path));
    this.#last = answer;
    return answer;
  }

  async #exchange<T>(path: string): Promise<T> {
    this.#child.stdin.write(`${path}\n`);
    const line = await this.#lines.next();
    if (line.done === true) throw new Error(`GET ${path}: the reader of the server has ended`);
    const answer: { value: T } | { error: string } = JSON.parse(line.value);
    if ('error' in answer) throw new Error(`GET ${path}: ${answer.error}`);
    return answer.value;
  }
}
