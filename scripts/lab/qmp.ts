// Speaks QEMU's control protocol (QMP, https://www.qemu.org/docs/master/interop/qmp-spec.html) over its Unix socket.
import { once } from 'node:events';
import net from 'node:net';
import { createInterface } from 'node:readline';

type Reply = { return?: unknown; error?: { desc: string }; event?: string; QMP?: unknown };

export class Qmp {
  readonly #socket: net.Socket;
  readonly #waiting: { resolve(value: unknown): void; reject(error: Error): void }[] = [];

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    // Both tell of an error, and what comes of it is told at the socket's end.
    const lines = createInterface({ input: socket }).on('line', (line) => this.#take(JSON.parse(line)));
    for (const teller of [socket, lines]) teller.on('error', () => {});
    socket.on('close', () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error('the machine is gone'));
    });
  }

  static async connect(socketPath: string): Promise<Qmp> {
    const socket = net.connect(socketPath);
    await once(socket, 'connect');
    const qmp = new Qmp(socket);
    await qmp.execute('qmp_capabilities');
    return qmp;
  }

  #take(reply: Reply): void {
    if (reply.event !== undefined || reply.QMP !== undefined) return;
    const waiting = this.#waiting.shift();
    if (reply.error === undefined) waiting?.resolve(reply.return);
    else waiting?.reject(new Error(reply.error.desc));
  }

  /** Replies come in the order of the commands. */
  execute(command: string, args: Record<string, unknown> = {}): Promise<unknown> {
    if (this.#socket.destroyed) return Promise.reject(new Error('the machine is gone'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
