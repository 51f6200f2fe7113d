// By what names a machine is known: the firmware's UUID and serial number where they can be believed, and MAC addresses where there is no UUID.

export type IdentityFacts = {
  readonly uuid: string | null;
  /** Boot loaders may not tell. */
  readonly serial?: string | null;
  readonly macs: readonly string[];
};

/** UUIDs that vendors ship by the thousand; all-equal bytes are caught by a pattern. */
const sharedUuids: ReadonlySet<string> = new Set([
  '03000200-0400-0500-0006-000700080009',
  '00020003-0004-0005-0006-000700080009',
  '01234567-89ab-cdef-0123-456789abcdef',
  '12345678-1234-1234-1234-123456789012',
  '12345678-1234-5678-90ab-cddeefaabbcc',
  '4c4c4544-0000-2010-8020-80c04f202020',
]);

/** What vendors leave in the place of a serial number, without spaces and dots. */
const fillers =
  /^(0+|1+|x+|f+|-+|n\/?a|none|null|unknown|default(string)?|tobefilledbyoem|(system|chassis|base\s?board)?serial(number)?|(system|chassis)?serialnumber|notspecified|notapplicable|notavailable|invalid|0?123456789[0a-f]*|empty|oem)$/;

/** The names that a machine is given, best first. With a believable UUID no MAC address is one: that moves with its card or its USB dongle, and then names another machine. */
export function listIdentities({ uuid, serial, macs }: IdentityFacts): string[] {
  const [goodUuid, goodSerial] = [normalizeUuid(uuid), normalizeSerial(serial)];
  const names = [
    ...(goodUuid === null ? [] : [`uuid:${goodUuid}`]),
    ...(goodSerial === null ? [] : [`serial:${goodSerial}`]),
  ];
  return goodUuid === null ? [...names, ...listMacIdentities(macs)] : names;
}

export function listMacIdentities(macs: readonly string[]): string[] {
  return [...new Set(macs.flatMap((mac) => normalizeMac(mac) ?? []))].map((mac) => `mac:${mac}`);
}

/** Lower case, or null when it is malformed or known to be shared. */
export function normalizeUuid(text: string | null): string | null {
  const uuid = text?.trim().toLowerCase() ?? '';
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)) return null;
  const allBytesEqual = /^(..)\1{15}$/.test(uuid.replaceAll('-', ''));
  return allBytesEqual || sharedUuids.has(uuid) ? null : uuid;
}

/** Lower case, or null for what is no serial number. */
export function normalizeSerial(text: string | null | undefined): string | null {
  const serial = text?.normalize('NFKC').trim().toLowerCase() ?? '';
  if (serial.length < 4 || serial.length > 128 || /\p{Cc}/u.test(serial)) return null;
  return fillers.test(serial.replaceAll(/[\s.]/g, '')) ? null : serial;
}

/** Lower case with colons, or null when it is malformed, zero, broadcast or multicast. */
export function normalizeMac(text: string): string | null {
  const mac = text.trim().toLowerCase().replaceAll('-', ':');
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac) || mac === '00:00:00:00:00:00') return null;
  return Number.parseInt(mac.slice(0, 2), 16) % 2 === 1 ? null : mac;
}
