// Which Linux a disk's own boot loader would start: told where its configuration says it plainly, refused with the reason elsewhere.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  findGrubEntry,
  parseGrubEnvironment,
  parseLoaderEntry,
  usesLoaderEntries,
} from '../../../agent/6-end/boot-entry.ts';

const uuid = 'b9d6dbb5-1f2e-4a87-8f4e-3f4b2b6f9a10';
const none: ReadonlyMap<string, string> = new Map();

/** As grub-mkconfig of Debian 12 writes it, shortened. */
const debian = (options = 'ro  quiet', more = '') => `
if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
if [ "\${next_entry}" ] ; then
   set default="\${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="0"
fi
function load_video {
  if [ x$feature_all_video_module = xy ]; then
    insmod all_video
  fi
}
${more}
menuentry 'Debian GNU/Linux' --class debian --class gnu-linux --class gnu --class os $menuentry_id_option 'gnulinux-simple-${uuid}' {
	load_video
	insmod gzio
	if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
	insmod part_gpt
	insmod ext2
	if [ x$feature_platform_search_hint = xy ]; then
	  search --no-floppy --fs-uuid --set=root --hint-bios=hd0,gpt2 ${uuid}
	else
	  search --no-floppy --fs-uuid --set=root ${uuid}
	fi
	echo	'Loading Linux 6.1.0-18-amd64 ...'
	linux	/boot/vmlinuz-6.1.0-18-amd64 root=UUID=${uuid} ${options}
	echo	'Loading initial ramdisk ...'
	initrd	/boot/initrd.img-6.1.0-18-amd64
}
submenu 'Advanced options for Debian GNU/Linux' $menuentry_id_option 'gnulinux-advanced-${uuid}' {
	menuentry 'Debian GNU/Linux, with Linux 6.1.0-17-amd64' --class debian $menuentry_id_option 'gnulinux-6.1.0-17-advanced-${uuid}' {
		search --no-floppy --fs-uuid --set=root ${uuid}
		linux	/boot/vmlinuz-6.1.0-17-amd64 root=UUID=${uuid} ro
	}
}
menuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' {
	fwsetup
}
`;

describe("GRUB's entry", () => {
  it('is the first one of what Debian writes', () => {
    expect(findGrubEntry(debian(), none)).toEqual({
      title: 'Debian GNU/Linux',
      fileSystemUuid: uuid,
      kernel: '/boot/vmlinuz-6.1.0-18-amd64',
      initrd: '/boot/initrd.img-6.1.0-18-amd64',
      options: `root=UUID=${uuid} ro quiet`,
    });
  });

  it('is the saved one where GRUB is told so, by its id, its title or its number', () => {
    const config = debian().replace('default="0"', 'default="$saved_entry"');
    const other = `menuentry 'Other' --id other {\n linux /other ro\n}\n${config}`;
    const saved = (saved_entry: string) => findGrubEntry(other, new Map([['saved_entry', saved_entry]]));
    expect(saved('other')).toMatchObject({ kernel: '/other', initrd: null, fileSystemUuid: null });
    expect(saved(`gnulinux-simple-${uuid}`)).toMatchObject({ title: 'Debian GNU/Linux' });
    expect(saved('Debian GNU/Linux')).toMatchObject({ title: 'Debian GNU/Linux' });
    expect(saved('1')).toMatchObject({ title: 'Debian GNU/Linux' });
    expect(saved('')).toMatchObject({ kernel: '/other' });
  });

  it('has variables of its environment, and without those that distributions leave empty', () => {
    expect(findGrubEntry(debian('ro $vt_handoff'), none)).toMatchObject({ options: `root=UUID=${uuid} ro` });
    expect(findGrubEntry(debian('ro $mine'), new Map([['mine', 'a=b']]))).toMatchObject({
      options: `root=UUID=${uuid} ro a=b`,
    });
  });

  const refused: Record<string, [string, ReadonlyMap<string, string>, RegExp]> = {
    'a variable that nobody knows': [debian('ro $mine'), none, /a variable of GRUB's, 'mine'/],
    'another entry for once': [debian(), new Map([['next_entry', '2']]), /start another entry once/],
    'a saved entry of a submenu': [
      debian().replace('default="0"', 'default=saved>entry'),
      none,
      /'saved>entry' is no entry of its first menu/,
    ],
    'the submenu itself': [debian().replace('default="0"', 'default="1"'), none, /does not start one Linux plainly/],
    'the firmware': [debian().replace('default="0"', 'default="2"'), none, /does not start one Linux plainly/],
    'an entry that is not there': [debian().replace('default="0"', 'default="7"'), none, /'7' is no entry/],
    'two defaults': [debian('ro', 'set default=1'), none, /several defaults/],
    'a default that is computed': [debian().replace('default="0"', 'default="$x"'), none, /GRUB's default is/],
    'no entry at all': ['', none, /'0' is no entry/],
    'a way out of the file system': [debian().replace('/boot/vmlinuz-6.1.0-18', '/../vmlinuz'), none, /no plain path/],
    'two kernels': [debian().replace('insmod gzio', 'linux /other'), none, /does not start one Linux plainly/],
    Xen: [debian().replace('linux\t/boot', 'multiboot2 /boot'), none, /does not start one Linux plainly/],
    'a kernel that the line hides': [debian('ro; linux /other'), none, /does not start one Linux plainly/],
    'an option with a space in it': [debian('ro name="a b"'), none, /quotes/],
    'two file systems': [debian().replace(`hd0,gpt2 ${uuid}`, 'hd0,gpt2 other'), none, /more than one way/],
    'a search by label': [debian().replaceAll('--fs-uuid', '--label'), none, /more than one way/],
    'two RAM disks': [debian().replace('initrd\t', 'initrd\t/boot/ucode.img '), none, /several initial RAM disks/],
  };
  it.each(Object.entries(refused))('is not told of %s', (_, [config, environment, reason]) => {
    expect(findGrubEntry(config, environment)).toMatchObject({ reason: expect.stringMatching(reason) });
  });
});

describe("an entry's own file", () => {
  it('is read as Fedora and RHEL write it', () => {
    const text = [
      'title Red Hat Enterprise Linux (5.14.0-362.el9.x86_64) 9.3 (Plow)',
      'version 5.14.0-362.el9.x86_64',
      'linux /vmlinuz-5.14.0-362.el9.x86_64',
      'initrd /initramfs-5.14.0-362.el9.x86_64.img $tuned_initrd',
      'options root=/dev/mapper/rhel-root ro crashkernel=1G-4G:192M $tuned_params $kernelopts',
      'id rhel-20231031-5.14.0-362.el9.x86_64',
      'grub_users $grub_users',
    ].join('\n');
    expect(usesLoaderEntries('insmod blscfg\nblscfg\n')).toBe(true);
    expect(
      parseLoaderEntry(text, parseGrubEnvironment('# GRUB Environment Block\nkernelopts=rhgb quiet\n####')),
    ).toEqual({
      title: 'Red Hat Enterprise Linux (5.14.0-362.el9.x86_64) 9.3 (Plow)',
      fileSystemUuid: null,
      kernel: '/vmlinuz-5.14.0-362.el9.x86_64',
      initrd: '/initramfs-5.14.0-362.el9.x86_64.img',
      options: 'root=/dev/mapper/rhel-root ro crashkernel=1G-4G:192M  rhgb quiet',
    });
    expect(parseLoaderEntry(text, none)).toMatchObject({ reason: expect.stringContaining("'kernelopts'") });
  });

  it('needs a kernel', () => {
    expect(parseLoaderEntry('title x\nefi /EFI/other.efi\n', none)).toMatchObject({ reason: expect.any(String) });
  });
});

it('any bytes give a plain entry or a reason', () => {
  const pieces = [
    'menuentry ',
    "'a' {\n",
    '}\n',
    'linux /k ',
    'initrd /i\n',
    'set default=',
    '$x',
    '"',
    "'",
    '\n',
    '--id ',
    'search ',
  ];
  const text = fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 5 }))).map((all) => all.join(''));
  fc.assert(
    fc.property(text, text, (config, environment) => {
      for (const found of [
        findGrubEntry(config, parseGrubEnvironment(environment)),
        parseLoaderEntry(config, parseGrubEnvironment(environment)),
      ]) {
        if ('reason' in found) continue;
        expect(found.kernel).toMatch(/^\/[\w.@:+,/-]+$/);
        expect(found.options).toMatch(/^[^\n$]*$/);
      }
    }),
  );
});
