// The serial line of a lab machine with somebody at it: what is typed goes to the machine, what it says is heard.
import { once } from 'node:events';
import net from 'node:net';

export class SerialLine {
  readonly #socket: net.Socket;
  #heard = '';

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.#heard += text;
    });
    socket.on('error', () => {});
  }

  static async open(path: string): Promise<SerialLine> {
    const socket = net.connect(path);
    await once(socket, 'connect');
    return new SerialLine(socket);
  }

  /** All that has been said since it was opened, with the control sequences of a terminal. */
  get heard(): string {
    return this.#heard;
  }

  type(text: string): void {
    this.#socket.write(text);
  }

  close(): void {
    this.#socket.destroy();
  }
}
