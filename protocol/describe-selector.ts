// A disk selector in a person's words.
import type { DiskSelector } from './scenario.ts';

/** `serial number 'S3X1'`; fits after "no disk matches". */
export function describeSelector(selector: DiskSelector): string {
  switch (selector.by) {
    case 'only':
      return "'only': a machine with a single disk";
    case 'id':
      return `id '${selector.id}'`;
    case 'serial':
      return `serial number '${selector.serial}'`;
    case 'wwn':
      return `WWN '${selector.wwn}'`;
    case 'number':
      return `number ${selector.number}`;
    case 'image':
      return `the disk that '${selector.image}' was captured from`;
    case 'where': {
      const { by: _, internal, bus, model, minBytes, maxBytes } = selector;
      const words = [
        internal === undefined ? null : internal ? 'internal' : 'not internal',
        bus === undefined ? null : `bus ${bus}`,
        model === undefined ? null : `model '${model}'`,
        minBytes === undefined ? null : `${minBytes} bytes or more`,
        maxBytes === undefined ? null : `${maxBytes} bytes or less`,
      ];
      return words.filter((word) => word !== null).join(', ');
    }
    case 'each':
      if (selector.pick !== undefined) return describeSelector(selector.of[selector.pick] ?? { by: 'only' });
      return `each of ${selector.of.map(describeSelector).join('; ')}`;
  }
}
