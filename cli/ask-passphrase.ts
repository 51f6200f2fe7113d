// A passphrase typed at the terminal, which does not show it.
import { DeployError } from '../protocol/errors.ts';

const maxLength = 1024;

/** Null when nobody can be asked. @throws cancelled on Ctrl-C */
export async function askPassphrase(question: string): Promise<string | null> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY || !stderr.isTTY) return null;
  // First: whoever answers the moment the question stands there must not be shown either.
  stdin.setRawMode(true).setEncoding('utf8').resume();
  stderr.write(`${question}: `);
  try {
    return await readLine();
  } finally {
    stdin.setRawMode(false).pause();
    stderr.write('\n');
  }
}

function readLine(): Promise<string> {
  const { stdin } = process;
  return new Promise((resolve, reject) => {
    let line = '';
    const onData = (text: string): void => {
      for (const key of text) {
        if ('\r\n\x03\x04'.includes(key)) {
          stdin.off('data', onData);
          if (key === '\x03') reject(new DeployError('cancelled', 'stopped on request'));
          resolve(line);
          return;
        }
        if (key === '\x7f' || key === '\b') line = [...line].slice(0, -1).join('');
        else if (line.length < maxLength) line += key;
      }
    };
    stdin.on('data', onData);
  });
}
