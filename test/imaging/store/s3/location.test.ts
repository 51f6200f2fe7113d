import { describe, expect, it } from 'vitest';
import { isS3Location, parseS3Location } from '../../../../imaging/store/s3/location.ts';

const keys = { AWS_ACCESS_KEY_ID: 'AK', AWS_SECRET_ACCESS_KEY: 'SK' };

describe('the URL of an S3 store', () => {
  it('is told from a directory and from a server', () => {
    expect(['s3://b', 's3+https://h/b', 's3+http://h/b'].map(isS3Location)).toEqual([true, true, true]);
    expect(['/srv/store', 's3', 'https://h', 's3+ftp://h/b', './s3://b'].map(isS3Location)).toEqual(
      Array(5).fill(false),
    );
  });

  it('names a service, a bucket and a prefix', () => {
    const location = parseS3Location('s3+http://[::1]:9000/racks/a/b/?region=eu&addressing=virtual-host', keys);
    expect(location).toMatchObject({
      ...{ label: 's3+http://[::1]:9000/racks/a/b', bucket: 'racks', prefix: 'a/b/', region: 'eu' },
      ...{ addressing: 'virtual-host', conditionalPut: 'required' },
      credentials: { accessKeyId: 'AK', secretAccessKey: 'SK' },
    });
    expect(location.endpoint.href).toBe('http://[::1]:9000/');
    expect(parseS3Location('s3+https://host/racks', keys)).toMatchObject({ prefix: '', region: 'us-east-1' });
  });

  it('means AWS without a host, unless the environment names another endpoint', () => {
    const at = (environment: { [name: string]: string }) =>
      parseS3Location('s3://racks/a', { ...keys, ...environment }).endpoint.href;
    expect(at({ AWS_REGION: 'eu-west-1' })).toBe('https://s3.eu-west-1.amazonaws.com/');
    expect(at({ AWS_DEFAULT_REGION: 'cn-north-1' })).toBe('https://s3.cn-north-1.amazonaws.com.cn/');
    expect(at({ AWS_ENDPOINT_URL: 'http://minio:9000/' })).toBe('http://minio:9000/');
    expect(() => at({})).toThrow('AWS_REGION');
    expect(() => at({ AWS_ENDPOINT_URL_S3: 'minio' })).toThrow('AWS_ENDPOINT_URL_S3');
  });

  it('takes a session token along, and says which variables are missing', () => {
    const { credentials } = parseS3Location('s3+https://h/bucket', { ...keys, AWS_SESSION_TOKEN: 'T' });
    expect(credentials.sessionToken).toBe('T');
    expect(() => parseS3Location('s3+https://h/bucket', { AWS_ACCESS_KEY_ID: 'AK' })).toThrow('AWS_SECRET_ACCESS_KEY');
  });

  it('holds no credentials, and a message about it does not repeat them', () => {
    expect(() => parseS3Location('s3+https://AK:hidden@h/bucket', keys)).toThrow(/^(?!.*hidden).*no credentials/);
  });

  it.each([
    's3+https://h/',
    's3+https://h/bucket//x',
    's3+https://h/bucket/a%20b',
    's3+https://h/bucket/%2e%2e/x',
    's3+https://h/b!cket',
    's3+https://h/bucket?regoin=eu',
    's3+https://h/bucket?addressing=dns',
    's3+https://h/bucket?conditional-put=maybe',
    's3+https://',
  ])('%s is a usage error', (url) => {
    expect(() => parseS3Location(url, keys)).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});
