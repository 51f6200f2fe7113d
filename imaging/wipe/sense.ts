// Why a SCSI device did not do what it was told, or what it is busy with: sense data in both formats (SPC-5, 4.4), and the registers of an ATA disk in them (SAT-5, 12.2.7).

export type Sense = {
  readonly key: number;
  readonly code: number;
  readonly qualifier: number;
  /** 0 to 1, of what runs in the background; null when nothing is said of it. */
  readonly fraction: number | null;
};

const descriptorTypes = { senseKeySpecific: 0x02, ataStatus: 0x09 };

/** Null for bytes that are no sense data. */
export function parseSense(sense: Buffer): Sense | null {
  const format = sense.length < 4 ? 0 : sense.readUInt8(0) & 0x7f;
  if (format === 0x72 || format === 0x73) {
    const specific = findDescriptor(sense, descriptorTypes.senseKeySpecific, 8);
    return {
      ...{ key: sense.readUInt8(1) & 15, code: sense.readUInt8(2), qualifier: sense.readUInt8(3) },
      fraction: specific === null ? null : readProgress(specific, 4),
    };
  }
  if ((format !== 0x70 && format !== 0x71) || sense.length < 14) return null;
  return {
    ...{ key: sense.readUInt8(2) & 15, code: sense.readUInt8(12), qualifier: sense.readUInt8(13) },
    fraction: sense.length < 18 ? null : readProgress(sense, 15),
  };
}

/** SKSV, then two bytes of 65536 parts. */
function readProgress(bytes: Buffer, at: number): number | null {
  return (bytes.readUInt8(at) & 0x80) === 0 ? null : bytes.readUInt16BE(at + 1) / 65_536;
}

function findDescriptor(sense: Buffer, type: number, lengthBytes: number): Buffer | null {
  for (let at = 8; at + 2 <= sense.length; at += 2 + sense.readUInt8(at + 1)) {
    if (sense.readUInt8(at) === type && at + lengthBytes <= sense.length) return sense.subarray(at, at + lengthBytes);
  }
  return null;
}

/** What an ATA disk left in its registers. */
export type AtaRegisters = {
  readonly error: number;
  readonly status: number;
  /** Null in the fixed format, which has only its lower half. */
  readonly count: number | null;
  /** Whether anything of its upper half is set. */
  readonly countHasUpper: boolean;
  /** The lower 24 bits. */
  readonly lba: number;
};

/** Null when the sense data have none. */
export function parseAtaRegisters(sense: Buffer): AtaRegisters | null {
  const format = sense.length < 18 ? 0 : sense.readUInt8(0) & 0x7f;
  if (format === 0x72) {
    const found = findDescriptor(sense, descriptorTypes.ataStatus, 14);
    if (found === null) return null;
    const count = found.readUInt16BE(4);
    return {
      ...{ error: found.readUInt8(3), status: found.readUInt8(13), count, countHasUpper: count > 255 },
      lba: found.readUInt8(7) | (found.readUInt8(9) << 8) | (found.readUInt8(11) << 16),
    };
  }
  // Linux answers so where a command fails, and some adapters always.
  if (format !== 0x70) return null;
  return {
    ...{ error: sense.readUInt8(3), status: sense.readUInt8(4) },
    ...{ count: null, countHasUpper: (sense.readUInt8(8) & 0x40) !== 0 },
    lba: sense.readUInt8(9) | (sense.readUInt8(10) << 8) | (sense.readUInt8(11) << 16),
  };
}
