// Where the lab and the demo keep what takes long to make, outside the checkout and shared by every checkout.
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** `$DEPLOY_OS_CACHE`, or `~/.cache/deploy-os`; made when missing. */
export function cacheFolder(...below: string[]): string {
  const folder = path.join(process.env.DEPLOY_OS_CACHE ?? path.join(os.homedir(), '.cache/deploy-os'), ...below);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Removes what begins with `prefix` in `folder`, except `keep`: the leavings of earlier recipes. */
export function dropOthers(folder: string, prefix: string, keep: string): void {
  for (const name of readdirSync(folder)) {
    if (name.startsWith(prefix) && name !== keep) rmSync(path.join(folder, name), { recursive: true, force: true });
  }
}
