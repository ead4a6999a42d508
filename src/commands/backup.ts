import { leaf, perform, type Register, required } from './grammar.ts';
import type { CommonOptions } from './invocation.ts';
import { visible } from './plain-text.ts';

export const registerBackup: Register = (program, invocation) => {
  if (invocation.context.machine === undefined) return;
  const command = leaf(program, invocation, {
    usage: 'backup <file>',
    summary: 'copy people, servers, leases, keys and audit to a file, while they are in use; for root',
    examples: ['myserver backup /root/myserver-monday.db', 'myserver backup --force /mnt/backup/myserver.db    # each night, from cron'],
    more: restoring,
  }).option('--force', 'replace a file that is there already');
  perform<CommonOptions & { readonly force?: boolean }>(command, async (args, options) => {
    const path = invocation.machine('backup').absolutePath(required(args[0]));
    const body = { path, ...(options.force === true ? { force: true } : {}) };
    await invocation.client(options).call('backup', { body }, { signal: invocation.context.signal });
    await invocation.result(options, { path }, `the store is copied to ${visible(path)}\n`);
  });
};

const restoring = `The file is written on the host of control, for root's eyes only: it holds keys and password hashes. What is
on the servers' disks is not in it.

To put it back, as root on the host:
  systemctl stop myserver-control        # without systemd: /usr/local/lib/myserver/supervise stop control
  rm -f /var/lib/myserver/store.db-wal   # it belongs to the store that is being replaced
  install -m 600 FILE /var/lib/myserver/store.db
  ./up
  myserver doctor

An older store is no danger to newer servers: nothing is destroyed that no operation told us to. A server made
since is kept as it is, closed to the outside, and its ID is not given out; doctor shows it, and "doctor adopt"
makes it a server again. One dropped since is shown as failed, and "drop" gives its ID back. People, keys, shares
and passwords are as they were.`;
