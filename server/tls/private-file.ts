// Secrets in the data directory: readable by the owner only, and there as a whole or not at all.
import { open, rename } from 'node:fs/promises';

export async function writePrivateFile(filePath: string, text: string): Promise<void> {
  const unfinished = `${filePath}.${process.pid}.tmp`;
  const file = await open(unfinished, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(unfinished, filePath);
}
