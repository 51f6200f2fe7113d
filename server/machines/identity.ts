// Which machine is this? By the firmware's UUID where it can be believed, else by MAC addresses.

export type IdentityFacts = { readonly uuid: string | null; readonly macs: readonly string[] };

/** UUIDs that vendors ship by the thousand; all-equal bytes are caught by a pattern. */
const sharedUuids: ReadonlySet<string> = new Set([
  '03000200-0400-0500-0006-000700080009',
  '00020003-0004-0005-0006-000700080009',
  '01234567-89ab-cdef-0123-456789abcdef',
  '12345678-1234-1234-1234-123456789012',
  '12345678-1234-5678-90ab-cddeefaabbcc',
  '4c4c4544-0000-2010-8020-80c04f202020',
]);

/**
 * The names under which a machine is looked up, best first. With a believable UUID it is the only one: a MAC address moves with
 * its card or its USB dongle, and then names another machine.
 */
export function listIdentities({ uuid, macs }: IdentityFacts): string[] {
  const normalUuid = normalizeUuid(uuid);
  if (normalUuid !== null) return [`uuid:${normalUuid}`];
  return [...new Set(macs.flatMap((mac) => normalizeMac(mac) ?? []))].map((mac) => `mac:${mac}`);
}

/** Lower case, or null when it is malformed or known to be shared. */
function normalizeUuid(text: string | null): string | null {
  const uuid = text?.trim().toLowerCase() ?? '';
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)) return null;
  const allBytesEqual = /^(..)\1{15}$/.test(uuid.replaceAll('-', ''));
  return allBytesEqual || sharedUuids.has(uuid) ? null : uuid;
}

/** Lower case with colons, or null when it is malformed, zero, broadcast or multicast. */
export function normalizeMac(text: string): string | null {
  const mac = text.trim().toLowerCase().replaceAll('-', ':');
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac) || mac === '00:00:00:00:00:00') return null;
  return Number.parseInt(mac.slice(0, 2), 16) % 2 === 1 ? null : mac;
}
