// A key file: 256 random bits as text that can be printed, and typed in again from the paper (docs/format.md, "Key file").
import { randomBytes } from 'node:crypto';
import { DeployError } from '../../protocol/errors.ts';
import { digestOf } from '../chunk/digest.ts';
import { fileSecret, type KeySecret } from './secret.ts';

/** Crockford's base 32: no I, L, O or U. */
const symbols = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const lineCount = 4;
const lineSecretBytes = 8;
const maxTextLength = 4096;

/** A new key file's text. */
export function makeKeyFile(): string {
  return formatKeyFile(randomBytes(lineCount * lineSecretBytes));
}

export function formatKeyFile(secret: Buffer): string {
  const lines = Array.from({ length: lineCount }, (_, i) => {
    const part = secret.subarray(i * lineSecretBytes, (i + 1) * lineSecretBytes);
    const text = encode(Buffer.concat([part, checksum(i + 1, part)]));
    return `${i + 1} ${text.match(/.{4}/g)?.join('-')}`;
  });
  const { id } = fileSecret(secret) as { id: string };
  return [
    '# Deploy-OS key file. Images encrypted with it cannot be read by anyone without it: if every copy is lost, they are lost.',
    '# Whoever has it can read them. Print it; keep the paper and a copy of the file away from the image store.',
    'deploy-os-key 1',
    `id ${id}`,
    ...lines,
    '',
  ].join('\n');
}

/** Capitals, dashes and the letters that look like digits do not matter; lines with # are ignored. @throws key-corrupt naming the line */
export function parseKeyFile(text: string): KeySecret {
  if (text.length > maxTextLength) throw corrupt('it is too long');
  const lines = text.split('\n').flatMap((line) => (/^\s*(#|$)/.test(line) ? [] : [line.trim()]));
  const [head, idLine, ...numbered] = lines;
  if (!/^deploy-os-key\s+1$/.test(head ?? '')) throw corrupt('it does not begin with "deploy-os-key 1"');
  if (numbered.length !== lineCount) throw corrupt(`it has ${numbered.length} of ${lineCount} numbered lines`);
  const secret = fileSecret(Buffer.concat(numbered.map((line, i) => parseLine(line, i + 1)))) as FileSecret;
  if (idLine?.toLowerCase() !== `id ${secret.id}`) throw corrupt('its id is not that of its lines');
  return secret;
}

type FileSecret = Extract<KeySecret, { kind: 'file' }>;

function parseLine(line: string, number: number): Buffer {
  const match = /^(\d)\s+(.*)$/.exec(line);
  const text = (match?.[2] ?? '').replace(/[\s-]/g, '').toUpperCase().replaceAll('O', '0').replace(/[IL]/g, '1');
  const bytes = decode(text);
  const part = bytes?.subarray(0, lineSecretBytes);
  const good =
    match?.[1] === String(number) &&
    part !== undefined &&
    bytes?.subarray(lineSecretBytes).equals(checksum(number, part));
  if (!good || part === undefined) throw corrupt(`line ${number} is mistyped`);
  return part;
}

/** Two bytes: a mistyped line is found, and which it is. */
function checksum(number: number, part: Buffer): Buffer {
  return Buffer.from(digestOf(Buffer.concat([Buffer.from(`deploy-os key line ${number}\n`), part])), 'hex').subarray(
    0,
    2,
  );
}

function encode(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{5}/g) ?? []).map((five) => symbols[Number.parseInt(five, 2)]).join('');
}

function decode(text: string): Buffer | null {
  const values = [...text].map((symbol) => symbols.indexOf(symbol));
  if (text.length !== 16 || values.includes(-1)) return null;
  const bits = values.map((value) => value.toString(2).padStart(5, '0')).join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((eight) => Number.parseInt(eight, 2)));
}

function corrupt(why: string): DeployError {
  return new DeployError('key-corrupt', `the key file cannot be used: ${why}`, {
    hint: 'Compare it with the printed copy, or use another copy.',
  });
}
