// What the server tells of an image, and of all.
import { expect, it } from 'vitest';
import { z } from 'zod';
import { imageDetailsSchema } from '../../protocol/image.ts';
import { imageEntrySchema } from '../../protocol/rest.ts';
import { errorCode, TestServer } from './support.ts';

it('an image is told with what is in it, and one that is not there is named', async () => {
  await using server = await TestServer.start();
  const partition = {
    ...{ number: 1, startBytes: 2 ** 20, sizeBytes: 2 ** 30, usedBytes: 4096, type: null, partitionUuid: null },
    ...{ partitionName: 'data', fileSystem: 'ext4', fileSystemUuid: 'u', fileSystemLabel: 'root', reader: 'ext' },
    notes: ['its journal was not empty'],
  };
  const lost = [
    { startBytes: 0, lengthBytes: 512 },
    { startBytes: 4096, lengthBytes: 1024 },
  ];
  await server.addImage('夜間 / web', { partitions: [partition], lost, warnings: ['w'] });
  const path = `/v1/images/${encodeURIComponent('夜間 / web')}`;
  const details = imageDetailsSchema.parse(await server.api('GET', path));
  expect(details).toMatchObject({
    ...{ name: '夜間 / web', sizeBytes: 4 * 2 ** 30, keyId: null },
    contents: {
      ...{ table: 'none', usedBytes: 0, lostBytes: 1536, warnings: ['w'], parent: null, systems: [] },
      partitions: [
        { number: 1, fileSystem: 'ext4', label: 'root', name: 'data', notes: ['its journal was not empty'] },
      ],
    },
  });
  const { id, name, contents } = details;
  await server.addImage('after', { parent: { id, name, rootDigest: contents?.rootDigest ?? '' } });
  expect(await server.api('GET', '/v1/images/after')).toMatchObject({ contents: { parent: name } });
  const listed = z.array(imageEntrySchema).parse(await server.api('GET', '/v1/images'));
  expect(listed.map((image) => [image.name, image.parentId])).toEqual([
    ['after', id],
    [name, undefined],
  ]);
  const missing = await server.tls('/v1/images/none', { headers: server.operator });
  expect([missing.status, errorCode(missing)]).toEqual([404, 'image-not-found']);
});
