// What an S3 service's refusal means, in the catalogue's words.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
import { DeployError, type ErrorCode } from '../../../protocol/errors.ts';
import { childText, parseXml } from './xml.ts';

/** A service's answer that is no success. */
export type Refusal = {
  readonly status: number;
  /** The service's own code, `NoSuchKey`; empty where it gave none (as for HEAD). */
  readonly code: string;
  readonly message: string;
  /** Where the service says the bucket lies. */
  readonly region: string | undefined;
  /** The service's clock, as it gave it. */
  readonly serverTime: string | undefined;
};

type Headers = { readonly [name: string]: string | string[] | undefined };

/** Reads an error body; one that is no XML (a proxy's page, garbage) leaves the status to speak. */
export function readRefusal(status: number, headers: Headers, body: Uint8Array): Refusal {
  const headerRegion = headers['x-amz-bucket-region'];
  const plain = {
    ...{ status, code: '', message: `HTTP status ${status}` },
    region: typeof headerRegion === 'string' ? printable(headerRegion) : undefined,
    serverTime: headers.date === undefined ? undefined : printable(String(headers.date)),
  };
  try {
    const root = parseXml(body);
    const code = printable(childText(root, 'Code') ?? '');
    if (root.name !== 'Error' || code === '') return plain;
    const region = childText(root, 'Region');
    const time = childText(root, 'ServerTime');
    return {
      ...{ status, code, message: printable(childText(root, 'Message') ?? '') },
      region: region === undefined ? plain.region : printable(region),
      serverTime: time === undefined ? plain.serverTime : printable(time),
    };
  } catch {
    return plain;
  }
}

/** Foreign text in a message: short, and without what a terminal would obey. */
function printable(text: string): string {
  return text.replaceAll(/[\p{C}\p{Z}]+/gu, ' ').slice(0, 300);
}

const retriedStatuses = [408, 429, 500, 502, 503, 504];
/** Two writers met, or the body was damaged or late on its way: the same request again may do. */
const retriedCodes =
  /^(OperationAborted|ConditionalRequestConflict|RequestTimeout|SlowDown|BadDigest|XAmzContentSHA256Mismatch)$/;

export function isWorthRetrying({ status, code }: Refusal): boolean {
  return retriedStatuses.includes(status) || retriedCodes.test(code);
}

const unauthorizedCodes =
  /^(InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken|TokenRefreshRequired|NotSignedUp|InvalidSecurity|MissingSecurityHeader)$/;
const fullCodes = /Quota|StorageFull|InsufficientStorage/;
const regionCodes =
  /^(PermanentRedirect|TemporaryRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException|InvalidRegion)$/;

type Meaning = { readonly code: ErrorCode; readonly hint: string };

/** The error for a person: `doing` is what was attempted, `bucket` where. */
export function refusalError(refusal: Refusal, doing: string, bucket: string): DeployError {
  const { code, hint } = meaningOf(refusal, bucket);
  const own = [refusal.code, refusal.message].filter((part) => part !== '').join(': ');
  return new DeployError(code, `${doing}: ${own}`, { hint });
}

function meaningOf({ status, code, region, serverTime }: Refusal, bucket: string): Meaning {
  if (code === 'NoSuchBucket') {
    const hint = `Make the bucket '${bucket}' with the service's own tools, or correct its name; Deploy-OS makes none.`;
    return { code: 'store-not-found', hint };
  }
  if (code === 'RequestTimeTooSkewed') {
    const clocks = `This machine's clock says ${new Date().toISOString()}, the service's ${serverTime ?? 'something else'}.`;
    return { code: 'clock-skewed', hint: `${clocks} Set the one that is wrong (chrony, systemd-timesyncd).` };
  }
  if (regionCodes.test(code) || status === 301 || status === 307) {
    const where = region === undefined ? 'See where the bucket lies' : `The bucket lies in '${region}'`;
    return {
      code: 'usage',
      hint: `${where}: give ?region=… in the URL, or set AWS_REGION, and name that region's host.`,
    };
  }
  if (code === 'InvalidObjectState') {
    const hint = 'A lifecycle rule has archived the object. Bring it back, and take that rule off this store.';
    return { code: 'store-io', hint };
  }
  if (fullCodes.test(code) || status === 507) {
    const hint = 'Make room (`deploy-os image delete`, then `deploy-os store gc`) or raise the quota, and start again.';
    return { code: 'store-full', hint };
  }
  if (unauthorizedCodes.test(code) || status === 401) {
    const hint = 'Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; a session token expires.';
    return { code: 'unauthorized', hint };
  }
  if (status === 403) {
    return {
      code: 'forbidden',
      hint: 'The key lacks a permission; docs/operations/stores.md, "S3", lists those needed.',
    };
  }
  if (status === 501 || code === 'NotImplemented') {
    return {
      code: 'store-unsupported',
      hint: 'docs/operations/stores.md, "S3", says what a service must be able to do.',
    };
  }
  return { code: 'server-error', hint: 'See the log of the S3 service.' };
}
