// What a person says of an S3 store, in a URL and in the environment, as one checked description.
import { DeployError } from '../../../protocol/errors.ts';

export type S3Credentials = {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
};

export type S3Location = {
  /** The URL without its options: names the store in messages. */
  readonly label: string;
  /** Scheme, host and port of the service. */
  readonly endpoint: URL;
  readonly bucket: string;
  /** What every key begins with: empty, or ending in a slash. */
  readonly prefix: string;
  readonly region: string;
  /** `HOST/BUCKET/KEY`, or `BUCKET.HOST/KEY`. */
  readonly addressing: 'path' | 'virtual-host';
  /** Whether the service must refuse to overwrite a manifest, or the user vouches that no two captures end under one name at once. */
  readonly conditionalPut: 'required' | 'off';
  readonly credentials: S3Credentials;
};

type Environment = { readonly [name: string]: string | undefined };

const forms = 's3://BUCKET[/PREFIX], s3+https://HOST[:PORT]/BUCKET[/PREFIX] or s3+http://…';

/** Whether `location` names an S3 store rather than a directory or a server. */
export function isS3Location(location: string): boolean {
  return /^s3(\+https?)?:\/\//.test(location);
}

/**
 * Reads a store URL (docs/operations/stores.md, "S3"); credentials, region and, for `s3://`, the endpoint come from the variables that other
 * S3 clients read too.
 * @throws usage
 */
export function parseS3Location(text: string, environment: Environment = process.env): S3Location {
  const url = parseUrl(text);
  const { region, addressing, conditionalPut } = readOptions(url, environment);
  const named = url.protocol === 's3:' ? url.hostname + url.pathname : url.pathname.slice(1);
  const [bucket = '', ...parts] = named.replace(/\/$/, '').split('/');
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/.test(bucket)) throw usage(text, `'${bucket}' is no bucket's name`);
  for (const part of parts) {
    if (!/^[A-Za-z0-9._~-]+$/.test(part) || part === '.' || part === '..') {
      throw usage(text, `the prefix may hold letters, digits, . _ ~ - and single slashes, not '${part}'`);
    }
  }
  return {
    label: `${url.protocol}//${url.host}${url.pathname}`.replace(/\/$/, ''),
    endpoint: endpointOf(url, text, region, environment),
    bucket,
    prefix: parts.map((part) => `${part}/`).join(''),
    region: region ?? 'us-east-1',
    addressing,
    conditionalPut,
    credentials: readCredentials(text, environment),
  };
}

function parseUrl(text: string): URL {
  if (!URL.canParse(text)) throw usage(text, 'it is no URL');
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') {
    throw new DeployError('usage', 'the URL of an S3 store holds no credentials: others could read them', {
      hint: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead.',
    });
  }
  return url;
}

function readOptions(url: URL, environment: Environment) {
  const known = ['region', 'addressing', 'conditional-put'];
  for (const key of url.searchParams.keys()) {
    if (!known.includes(key)) throw usage(url.href, `'${key}' is none of its options (${known.join(', ')})`);
  }
  const choose = <T extends string>(key: string, allowed: readonly [T, ...T[]]): T => {
    const value = url.searchParams.get(key);
    const found = value === null ? allowed[0] : allowed.find((candidate) => candidate === value);
    if (found === undefined) throw usage(url.href, `${key}=${value} is none of ${allowed.join(', ')}`);
    return found;
  };
  return {
    region: url.searchParams.get('region') ?? environment.AWS_REGION ?? environment.AWS_DEFAULT_REGION,
    addressing: choose('addressing', ['path', 'virtual-host']),
    conditionalPut: choose('conditional-put', ['required', 'off']),
  };
}

function endpointOf(url: URL, text: string, region: string | undefined, environment: Environment): URL {
  if (url.protocol !== 's3:') return new URL(`${url.protocol.replace('s3+', '')}//${url.host}`);
  const given = environment.AWS_ENDPOINT_URL_S3 ?? environment.AWS_ENDPOINT_URL;
  if (given !== undefined) {
    if (!URL.canParse(given) || !/^https?:$/.test(new URL(given).protocol)) {
      throw usage(text, `AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL is '${given}', not http(s)://HOST[:PORT]`);
    }
    return new URL(new URL(given).origin);
  }
  if (region === undefined || !/^[a-z0-9-]+$/.test(region)) throw usage(text, 'AWS wants a region: set AWS_REGION');
  return new URL(`https://s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`);
}

function readCredentials(text: string, environment: Environment): S3Credentials {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = environment;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) {
    throw usage(text, 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN where there is one)');
  }
  return {
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    ...(AWS_SESSION_TOKEN ? { sessionToken: AWS_SESSION_TOKEN } : {}),
  };
}

function usage(text: string, why: string): DeployError {
  return new DeployError('usage', `the S3 store ${text}: ${why}`, { hint: `An S3 store is ${forms}.` });
}
