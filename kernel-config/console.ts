import type { KernelConcern } from './concern.ts';

/** The screen, the serial line and the keyboard: the status page, and the form for static addresses. */
export const console: KernelConcern = {
  name: 'console',
  options: [
    { option: 'CONFIG_VT_CONSOLE', want: 'y', reason: 'the status page on the screen' },
    { option: 'CONFIG_VGA_CONSOLE', want: 'y', reason: 'the screen of a BIOS machine', on: 'amd64' },
    { option: 'CONFIG_FRAMEBUFFER_CONSOLE', want: 'y', reason: 'the screen of a UEFI machine' },
    { option: 'CONFIG_FB_EFI', want: 'y', reason: 'the screen of a UEFI machine, with no graphics driver' },
    {
      option: 'CONFIG_CONSOLE_TRANSLATIONS',
      want: 'y',
      reason: 'Japanese on the screen: text names places in a font of ours',
    },
    { option: 'CONFIG_FONT_8x16', want: 'y', reason: 'the size of the letters in that font' },
    { option: 'CONFIG_SERIAL_8250_CONSOLE', want: 'y', reason: 'the status page on the serial line' },
    { option: 'CONFIG_SERIAL_AMBA_PL011_CONSOLE', want: 'y', reason: 'the serial line of servers', on: 'arm64' },
    { option: 'CONFIG_KEYBOARD_ATKBD', want: 'y', reason: 'PS/2 keyboards' },
    { option: 'CONFIG_USB_HID', want: 'm', reason: 'USB keyboards' },
    { option: 'CONFIG_HID_GENERIC', want: 'm', reason: 'USB keyboards' },
  ],
  modules: ['usbhid', 'hid-generic', 'evdev', 'hid-apple', 'hid-logitech', 'hid-microsoft'],
};
