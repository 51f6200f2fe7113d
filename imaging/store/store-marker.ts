// The marker by which a directory or a bucket says that it is an image store, and of which version (docs/format.md).
import { DeployError } from '../../protocol/errors.ts';

export const markerName = 'store.json';

const format = 'deploy-os-store';
const version = 1;

export const markerText = `${JSON.stringify({ format, version })}\n`;

/** @throws store-not-found, store-version, store-io when `text`, the marker of `label`, is not that of a store of this version */
export function checkMarker(label: string, text: string): void {
  let found: { format?: unknown; version?: unknown };
  try {
    found = JSON.parse(text) as typeof found;
  } catch (cause) {
    throw new DeployError('store-io', `${label}/${markerName} is damaged`, {
      cause,
      hint: `It should read ${markerText.trim()}.`,
    });
  }
  if (found?.format !== format) {
    throw new DeployError('store-not-found', `${label} is not an image store`, {
      hint: `Its ${markerName} is another program's. Check the name.`,
    });
  }
  if (found.version === version) return;
  throw new DeployError(
    'store-version',
    `the store ${label} has version ${JSON.stringify(found.version)}, known is ${version}`,
    {
      hint: 'It was made by a newer Deploy-OS; use that one.',
    },
  );
}
