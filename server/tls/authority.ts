// The server's own certificate authority and the server's certificate, made at the first start and renewed at later ones.
import 'reflect-metadata'; // @peculiar/x509 needs it to load
import { randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import path from 'node:path';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509Certificate as ParsedX509,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate as X509,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { DeployError } from '../../protocol/errors.ts';
import { fingerprintOf } from './fingerprint.ts';
import { writePrivateFile } from './private-file.ts';

export type Authority = {
  readonly caPem: string;
  /** See fingerprint.ts. */
  readonly fingerprint: string;
  readonly serverPem: string;
  readonly serverKeyPem: string;
};

type KeyAndCertificate = {
  readonly key: webcrypto.CryptoKey;
  readonly keyPem: string;
  readonly certificatePem: string;
};

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const caYears = 30;
const serverYears = 5;
const renewBeforeYears = 1;
const yearMs = 365.25 * 24 * 3600 * 1000;
/** Valid since ever: a managed machine whose clock battery is empty must be able to check the certificate. */
const notBefore = new Date('1970-01-02T00:00:00Z');

/**
 * Opens `dataDir/tls`, making what is missing. `names` are the host names and addresses for the server's certificate.
 * @throws DeployError store-io when the files cannot be read or written.
 */
export async function openAuthority(dataDir: string, names: readonly string[]): Promise<Authority> {
  const folder = path.join(dataDir, 'tls');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const ca = (await loadPair(folder, 'ca')) ?? (await savePair(folder, 'ca', await makeCa()));
  const present = await loadPair(folder, 'server');
  const server =
    present !== null && isStillGood(present, ca, names)
      ? present
      : await savePair(folder, 'server', await makeServerCertificate(ca, names));
  return {
    caPem: ca.certificatePem,
    fingerprint: fingerprintOf(ca.certificatePem),
    serverPem: server.certificatePem,
    serverKeyPem: server.keyPem,
  };
}

function isStillGood(server: KeyAndCertificate, ca: KeyAndCertificate, names: readonly string[]): boolean {
  const certificate = new X509Certificate(server.certificatePem);
  const goodUntilMs = Date.parse(certificate.validTo) - renewBeforeYears * yearMs;
  const issued = certificate.verify(new X509Certificate(ca.certificatePem).publicKey);
  const named = names.every((name) => (isIP(name) > 0 ? certificate.checkIP(name) : certificate.checkHost(name)));
  return issued && named && Date.now() < goodUntilMs;
}

async function makeCa(): Promise<KeyAndCertificate> {
  const keys = await makeKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    // Each CA has its own name, so that a client that trusts several never takes one for the other.
    name: `CN=Deploy-OS CA ${randomBytes(4).toString('hex')}`,
    notBefore,
    notAfter: new Date(Date.now() + caYears * yearMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return withPem(keys, certificate);
}

async function makeServerCertificate(ca: KeyAndCertificate, names: readonly string[]): Promise<KeyAndCertificate> {
  const keys = await makeKeys();
  const issuer = new ParsedX509(ca.certificatePem);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: 'CN=Deploy-OS server',
    issuer: issuer.subject,
    notBefore,
    notAfter: new Date(Date.now() + serverYears * yearMs),
    signingAlgorithm: algorithm,
    signingKey: ca.key,
    publicKey: keys.publicKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1']),
      new SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) > 0 ? ('ip' as const) : ('dns' as const), value })),
      ),
      await AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return withPem(keys, certificate);
}

function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

/** Positive and 127 bits long, RFC 5280 4.1.2.2. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes.toString('hex');
}

async function withPem(keys: webcrypto.CryptoKeyPair, certificate: X509): Promise<KeyAndCertificate> {
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    key: keys.privateKey,
    keyPem: `${PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n`,
    certificatePem: `${certificate.toString('pem')}\n`,
  };
}

async function savePair(folder: string, name: string, pair: KeyAndCertificate): Promise<KeyAndCertificate> {
  // The certificate is what makes a pair complete (see loadPair), so it comes last.
  await writePrivateFile(path.join(folder, `${name}.key`), pair.keyPem);
  await writePrivateFile(path.join(folder, `${name}.pem`), pair.certificatePem);
  return pair;
}

async function loadPair(folder: string, name: string): Promise<KeyAndCertificate | null> {
  const certificatePem = await readIfThere(path.join(folder, `${name}.pem`));
  if (certificatePem === null) return null;
  const keyFile = path.join(folder, `${name}.key`);
  const keyPem = await readIfThere(keyFile);
  if (keyPem === null) throw new DeployError('store-io', `${keyFile} is missing beside its certificate`);
  const der = PemConverter.decodeFirst(keyPem);
  const key = await webcrypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign']);
  return { key, keyPem, certificatePem };
}

async function readIfThere(filePath: string): Promise<string | null> {
  try {
    return await readFile(filePath, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new DeployError('store-io', `reading ${filePath}: ${(thrown as Error).message}`, { cause: thrown });
  }
}
