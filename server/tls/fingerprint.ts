// How a CA is named where a person or a command line has to say which one is meant.
import { createHash, X509Certificate } from 'node:crypto';

/** `sha256:` and the hexadecimal SHA-256 of the certificate's DER form. */
export function fingerprintOf(certificatePem: string): string {
  return `sha256:${createHash('sha256').update(new X509Certificate(certificatePem).raw).digest('hex')}`;
}
