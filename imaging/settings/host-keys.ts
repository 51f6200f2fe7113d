// New SSH host keys in the files of OpenSSH (PROTOCOL.key in its sources; RFC 4253, section 6.6; RFC 5656, section 3.1; RFC 8709, section 4).
import { generateKeyPairSync, type JsonWebKey, randomBytes } from 'node:crypto';

export const hostKeyTypes = ['rsa', 'ecdsa', 'ed25519'] as const;
export type HostKeyType = (typeof hostKeyTypes)[number];

/** What ssh-keygen(1) makes unless told. */
const rsaBits = 3072;
/** That of a key that is not encrypted. */
const blockBytes = 8;

/** The text of `ssh_host_TYPE_key` and of `ssh_host_TYPE_key.pub`. */
export function makeHostKey(type: HostKeyType, comment: string): { privateKey: string; publicKey: string } {
  const { name, publicParts, privateParts } = makers[type]();
  const blob = Buffer.concat([name, ...publicParts].map(string));
  const check = randomBytes(4);
  const secret = Buffer.concat([check, check, ...[name, ...privateParts, Buffer.from(comment)].map(string)]);
  const padding = Uint8Array.from({ length: -secret.length & (blockBytes - 1) }, (_, i) => i + 1);
  const none = string(Buffer.from('none'));
  const file = Buffer.concat([
    ...[Buffer.from('openssh-key-v1\0'), none, none, string(Buffer.alloc(0)), uint32(1)],
    ...[string(blob), string(Buffer.concat([secret, padding]))],
  ]);
  const lines = file.toString('base64').replace(/.{70}(?=.)/g, '$&\n');
  return {
    privateKey: `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines}\n-----END OPENSSH PRIVATE KEY-----\n`,
    publicKey: `${name} ${blob.toString('base64')} ${comment}\n`,
  };
}

/** Each part as the bytes of a string; `privateParts` are all of the key but its name and comment. */
type Key = { readonly name: Buffer; readonly publicParts: Buffer[]; readonly privateParts: Buffer[] };

const makers: Readonly<Record<HostKeyType, () => Key>> = {
  rsa: () => {
    const jwk = generateKeyPairSync('rsa', { modulusLength: rsaBits }).privateKey.export({ format: 'jwk' });
    const numbers = (...parts: Part[]) => parts.map((part) => mpint(bytesOf(jwk, part)));
    return {
      name: Buffer.from('ssh-rsa'),
      publicParts: numbers('e', 'n'),
      privateParts: numbers('n', 'e', 'd', 'qi', 'p', 'q'),
    };
  },
  ecdsa: () => {
    const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
    const curve = Buffer.from('nistp256');
    const point = Buffer.concat([Buffer.of(4), bytesOf(jwk, 'x'), bytesOf(jwk, 'y')]);
    const publicParts = [curve, point];
    return {
      name: Buffer.from('ecdsa-sha2-nistp256'),
      publicParts,
      privateParts: [...publicParts, mpint(bytesOf(jwk, 'd'))],
    };
  },
  ed25519: () => {
    const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
    const publicKey = bytesOf(jwk, 'x');
    return {
      name: Buffer.from('ssh-ed25519'),
      publicParts: [publicKey],
      privateParts: [publicKey, Buffer.concat([bytesOf(jwk, 'd'), publicKey])],
    };
  },
};

/** RFC 7518, section 6; RFC 8037, section 2. */
type Part = 'n' | 'e' | 'd' | 'qi' | 'p' | 'q' | 'x' | 'y';

function bytesOf(jwk: JsonWebKey, part: Part): Buffer {
  return Buffer.from(jwk[part] ?? '', 'base64url');
}

/** Without zeros in front but for the one that keeps it positive (RFC 4251, section 5). */
function mpint(bytes: Buffer): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0);
  const short = bytes.subarray(start < 0 ? bytes.length : start);
  return (short[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), short]) : short;
}

function string(bytes: Buffer): Buffer {
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
