/**
 * The layer `minimal`: a small server that a person who knows Debian recognises, booting to an SSH banner as early as it can. It holds no user, no
 * host name, no machine ID and no SSH host key: those belong to one server and are pushed into it before its first start (`core/provision.ts`).
 */
import type { Layer } from './recipe.ts';

const packages = [
  // The base: an init with its device manager (networkd waits for udev for ever without it), message bus and sessions.
  'systemd-sysv',
  'udev',
  'dbus',
  'libpam-systemd',
  // Ways in, and what scp, sftp and rsync need at this end.
  'openssh-server',
  'openssh-sftp-server',
  'rsync',
  'sudo',
  // What anybody types in the first minute.
  'iproute2',
  'iputils-ping',
  'procps',
  'netbase',
  'curl',
  'ca-certificates',
  'less',
  'nano',
  'bash-completion',
];

// The host gives the name, so DHCP must not; the client is known by its MAC, so that a copy is another machine.
const network = `[Match]
Name=eth0

[Network]
DHCP=ipv4

[DHCPv4]
ClientIdentifier=mac
UseHostname=no
UseMTU=yes
`;

// systemd-resolved would do this too, for 8 MB in each server and a later boot. A path unit does not see a change made while its service runs, hence
// the loop: it ends when DHCP has said something and nothing newer is there.
const resolvScript = `#!/bin/sh
# Writes /etc/resolv.conf from what DHCP said, each time that changes.
# To keep a file of your own: systemctl mask --now resolv-conf.path
set -eu
state=/run/systemd/netif/state

read_state() {
	servers= domains=
	while IFS='=' read -r key value; do
		case $key in
		DNS) servers=$value ;;
		DOMAINS) domains=$value ;;
		esac
	done <"$state"
}

tries=150 written=
while [ "$tries" -gt 0 ]; do
	[ ! -r "$state" ] || read_state
	if [ -n "\${servers-}" ]; then
		[ "$written" != "$servers/$domains" ] || exit 0
		{
			echo '# Written by /usr/local/lib/resolv-conf, which says how to stop that.'
			for server in $servers; do echo "nameserver $server"; done
			[ -z "$domains" ] || echo "search $domains"
		} >/etc/resolv.conf.new
		mv -f /etc/resolv.conf.new /etc/resolv.conf
		written=$servers/$domains
	else
		sleep 0.2
	fi
	tries=$((tries - 1))
done
`;

// Must watch before networkd writes, so it begins before it and not with the other path units.
const resolvPath = `[Unit]
Description=DHCP's name servers have changed
DefaultDependencies=no
Before=systemd-networkd.service shutdown.target
Conflicts=shutdown.target

[Path]
PathChanged=/run/systemd/netif/state

[Install]
WantedBy=systemd-networkd.service
`;

const resolvService = `[Unit]
Description=Write /etc/resolv.conf from what DHCP said

[Service]
Type=oneshot
ExecStart=/usr/local/lib/resolv-conf
`;

// Other host key types are not offered: the one key that is there is the one that was pushed and is published.
const sshd = `HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
# A new server's first password is a generated one.
PasswordAuthentication yes
`;

// In a server of 5 GB the default (a tenth of the file system, which here is the host's whole pool) would fill the disk with logs.
const journald = `[Journal]
SystemMaxUse=64M
RuntimeMaxUse=16M
`;

// A container sees all devices of its host and may announce none of them: asking for all costs 0.1 s and a line of log for each. networkd needs its own.
const udevTrigger = `[Service]
ExecStart=
ExecStart=-udevadm trigger --type=devices --action=add --subsystem-match=net
`;

// As soon as there is a network to listen on; sshd reads its configuration once (the test before it is for a restart by hand: sshd -t).
const sshEarly = `[Unit]
DefaultDependencies=no
Conflicts=shutdown.target
Before=shutdown.target

[Service]
ExecStartPre=
`;

const masked = [
  // Upgrades are the owner's to time; a thousand servers must not all begin at once.
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'dpkg-db-backup.timer',
  // Waits up to two minutes where there is no network, for nobody.
  'systemd-networkd-wait-online.service',
  // Socket activation (Ubuntu's default) starts a process at the first connection: a slower banner.
  'ssh.socket',
  // A container has no terminals, no crash dumps in firmware, no file systems to scrub, trim or remount, no kernel modules and no kernel command line.
  'getty@.service',
  'getty-static.service',
  'systemd-pstore.service',
  'e2scrub_all.timer',
  'e2scrub_reap.service',
  'fstrim.timer',
  'systemd-remount-fs.service',
  'systemd-modules-load.service',
  'modprobe@.service',
  'systemd-network-generator.service',
  'motd-news.timer',
];

export const minimalLayer: Layer = {
  name: 'minimal',
  packages,
  files: [
    { path: '/etc/systemd/network/80-dhcp.network', content: network },
    { path: '/usr/local/lib/resolv-conf', mode: 0o755, content: resolvScript },
    { path: '/etc/systemd/system/resolv-conf.path', content: resolvPath },
    { path: '/etc/systemd/system/resolv-conf.service', content: resolvService },
    { path: '/etc/systemd/system/systemd-udev-trigger.service.d/network-only.conf', content: udevTrigger },
    { path: '/etc/systemd/system/ssh.service.d/early.conf', content: sshEarly },
    // In place of the one that refuses logins until the boot is over: what a login needs is there before sshd is.
    { path: '/etc/tmpfiles.d/systemd-nologin.conf', content: '' },
    { path: '/etc/ssh/sshd_config.d/10-server.conf', content: sshd },
    { path: '/etc/systemd/journald.conf.d/10-small.conf', content: journald },
    { path: '/etc/default/locale', content: 'LANG=C.UTF-8\n' },
    // Empty, not absent: a unique ID is made at the first boot without the slow "first boot" of systemd, which would undo what is disabled here.
    { path: '/etc/machine-id', content: '' },
    { path: '/etc/motd', content: '' },
  ],
  absent: [
    '/etc/hostname',
    '/etc/hosts',
    '/etc/resolv.conf',
    '/var/lib/dbus/machine-id',
    '/etc/ssh/ssh_host_*',
    '/etc/dpkg/dpkg.cfg.d/99mmdebstrap',
  ],
  enabled: ['systemd-networkd.service', 'ssh.service', 'resolv-conf.path'],
  masked,
  commands: [
    // Whoever comes in with a key is not locked out of scp, sftp and rsync by an expired one-time password, nor reminded of it at each (pam_unix(8));
    // a login with that password asks for another. Options added to this line are kept by pam-auth-update.
    ['sed', '-i', '-E', String.raw`/^account/ s/(pam_unix\.so).*/\1 no_pass_expiry quiet/`, '/etc/pam.d/common-account'],
    // Tells systemd that nothing in /usr is newer than what was made from it, so the first boot makes nothing again (systemd-update-done.service(8)).
    ['touch', '/etc/.updated', '/var/.updated'],
    ['grep', '-q', 'pam_unix.so no_pass_expiry', '/etc/pam.d/common-account'],
  ],
};
