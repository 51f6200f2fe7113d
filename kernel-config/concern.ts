// One concern of the Deploy-OS's kernel: the options it must have been built with and the modules that go into the initramfs.

/** The processors that the Deploy-OS is built for, by Debian's names. */
export type Architecture = 'amd64' | 'arm64';

/** `y` wants it built in, `m` is content with a module or built in, as long as the concern's modules bring it along. */
export type KernelOption = {
  readonly option: `CONFIG_${string}`;
  readonly want: 'y' | 'm';
  /** What stops working without it, in a few words. */
  readonly reason: string;
  /** Of this processor alone; others have no such option. */
  readonly on?: Architecture;
  /** A kernel of one's own, which nobody has signed, does without. */
  readonly signedOnly?: true;
};

/**
 * `modules` names modules (`nvme`) and directories of the kernel tree (`drivers/ata/`, with a slash at the end); what they
 * depend on follows by itself. `leaveOut` is the list of allowed drops from those directories, again names and directories.
 * `modulesOn` are more modules that the kernel of one processor alone has, whether they are in a directory that is left out or not.
 */
export type KernelConcern = {
  readonly name: string;
  readonly options: readonly KernelOption[];
  readonly modules: readonly string[];
  readonly modulesOn?: Readonly<Partial<Record<Architecture, readonly string[]>>>;
  readonly leaveOut?: readonly string[];
};
