// The table of checks of images, as the code sees it (schema.ts has the others).
import type { ImageCheckKind, ImageCheckState } from '../../protocol/image-check.ts';

export type ImageChecksTable = {
  id: string;
  /** Of the manifest: another image may have the name by now. */
  imageId: string;
  image: string;
  kind: ImageCheckKind;
  boot: number;
  state: ImageCheckState;
  cancelRequested: number;
  requestedBy: string;
  createdAt: string;
  startedAt: string | null;
  endedAt: string | null;
  /** The server process that does it, and when that last said so. */
  serverId: string | null;
  heardAt: string | null;
  progress: string | null;
  found: string | null;
  error: string | null;
};
