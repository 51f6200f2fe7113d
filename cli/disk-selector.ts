// --disk: which disk of a machine, in the words of a person.
import { DeployError } from '../protocol/errors.ts';
import type { DiskSelector, OneDiskSelector } from '../protocol/scenario.ts';

export const diskSelectorHelp =
  'only, internal, serial:X, id:X, wwn:X, number:N, image:X (the disk it came from), or bus:X, model:X*, size:200GB-300GB and internal, ' +
  'joined by commas; several times for several disks';

/** A disk is named by what it is; there is no default, so that nobody overwrites one by leaving a word out. @throws DeployError usage */
export function readSelector(texts: readonly string[] = []): DiskSelector {
  const [first, second] = texts.map(readOne);
  if (first === undefined) throw new DeployError('usage', '--disk: which disk?', { hint: diskSelectorHelp });
  return second === undefined ? first : { by: 'each', of: texts.map(readOne) };
}

function readOne(text: string): OneDiskSelector {
  const [, by, value = ''] = /^(serial|id|wwn|number|image):(.+)$/.exec(text) ?? [];
  switch (by) {
    case 'serial':
      return { by, serial: value };
    case 'id':
      return { by, id: value };
    case 'wwn':
      return { by, wwn: value };
    case 'number':
      return { by, number: Number(value) };
    case 'image':
      return { by, image: value };
    default:
      return text === 'only' ? { by: 'only' } : readConditions(text);
  }
}

function readConditions(text: string): OneDiskSelector {
  const conditions = text.split(',').map((condition) => {
    const [, by, value = ''] = /^(bus|model|size):(.+)$/.exec(condition) ?? [];
    if (condition === 'internal') return { internal: true };
    if (by === 'bus') return { bus: value };
    if (by === 'model') return { model: value };
    return (by === 'size' ? readSizes(value) : null) ?? refuse(text);
  });
  return Object.assign({ by: 'where' as const }, ...conditions);
}

/** `200GB-300GB`, `200GiB-`, `-1TB` */
function readSizes(text: string) {
  const [, from = '', to = ''] = /^([^-]*)-([^-]*)$/.exec(text) ?? [];
  const [minBytes, maxBytes] = [from, to].map(readBytes);
  if (minBytes === null || maxBytes === null || (from === '' && to === '')) return null;
  return { ...(minBytes === undefined ? {} : { minBytes }), ...(maxBytes === undefined ? {} : { maxBytes }) };
}

/** Undefined for no text, null for one that is no size. */
function readBytes(text: string): number | null | undefined {
  if (text === '') return undefined;
  const [, number, prefix = '', binary] = /^(\d+(?:\.\d+)?) *([KMGTP]?)(i?)B?$/i.exec(text) ?? [];
  const bytes = Number(number) * (binary ? 1024 : 1000) ** ' KMGTP'.indexOf(prefix.toUpperCase() || ' ');
  return bytes > 0 && bytes <= Number.MAX_SAFE_INTEGER ? Math.round(bytes) : null;
}

function refuse(text: string): never {
  throw new DeployError('usage', `--disk: '${text}' is no disk`, {
    hint: `${diskSelectorHelp}; see deploy-os machine show`,
  });
}
