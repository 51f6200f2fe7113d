// R7: what the kernel says of a dying disk, a link or the memory stands in the job's log.
import { expect, test, vi } from 'vitest';
import { judgeKernelLine, KernelLines } from '../../../agent/watch/kernel-lines.ts';

test.each([
  ['I/O error, dev sda, sector 2048 op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 2', 'error'],
  ['critical medium error, dev nvme0n1, sector 14640 op 0x0:(READ) flags 0x0 phys_seg 2 prio class 0', 'error'],
  ['sd 2:0:0:0: rejecting I/O to offline device', 'error'],
  ['Out of memory: Killed process 210 (node) total-vm:11131880kB, anon-rss:110292kB', 'error'],
  ['watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [node:210]', 'error'],
  ['rcu: INFO: rcu_preempt self-detected stall on CPU', 'error'],
  ['md/raid1:md0: Disk failure on sdb, disabling device.', 'error'],
  ['INFO: task kworker/u8:2:91 blocked for more than 120 seconds.', 'warning'],
  ['mce: [Hardware Error]: Machine check events logged', 'warning'],
  ['EDAC MC0: 1 CE memory read error on CPU_SrcID#0_Ha#0_Chan#1_DIMM#0', 'warning'],
  ['ata1.00: exception Emask 0x0 SAct 0x1 SErr 0x0 action 0x6 frozen', 'warning'],
  ['ata3: limiting SATA link speed to 1.5 Gbps', 'warning'],
  ['nvme nvme0: I/O tag 12 (100c) opcode 0x2 (I/O Cmd) QID 2 timeout, aborting req_op:READ(0) size:131072', 'warning'],
  ['device-mapper: multipath: 254:0: Failing path 8:16.', 'warning'],
  ['e1000e 0000:00:19.0 eth0: NIC Link is Down', 'warning'],
  ['r8169 0000:02:00.0 eth1: Link is Up - 1Gbps/Full - flow control rx/tx', 'info'],
  ['usb 2-1: USB disconnect, device number 3', 'warning'],
  ['CPU3: Package temperature above threshold, cpu clock throttled (total events = 1)', 'warning'],
  ['ata2: SATA link up 6.0 Gbps (SStatus 133 SControl 300)', 'info'],
  ['EXT4-fs (dm-3): mounted filesystem ro without journal. Quota mode: none.', null],
  ['sd 2:0:0:0: [sda] 134217728 512-byte logical blocks: (68.7 GB/64.0 GiB)', null],
  ['random: crng init done', null],
])('%s', (line, level) => {
  expect(judgeKernelLine(line)).toBe(level);
});

test('a disk that dies does not drown the log: five lines of a kind, and each minute how many more there were', () => {
  const log = vi.fn();
  const lines = new KernelLines(log);
  for (let i = 0; i < 100; i++) lines.take(`I/O error, dev sda, sector ${i} op 0x0:(READ)`, 1000 + i);
  lines.take('I/O error, dev sdb, sector 7 op 0x0:(READ)', 2000);
  lines.tick(3000);
  expect(log).toHaveBeenCalledTimes(6);
  lines.tick(62_000);
  expect(log).toHaveBeenLastCalledWith(
    'error',
    'kernel: 95 more such lines, the last: I/O error, dev sda, sector 99 op 0x0:(READ)',
  );
  lines.take('I/O error, dev sda, sector 1 op 0x0:(READ)', 63_000);
  expect(log).toHaveBeenCalledTimes(8);
});
