/**
 * Ports that are somebody's by long custom, though nobody may hold them on this host today: NFS turned on next year takes 2049 without asking. Only those
 * that turn up on hosts such as ours or in browsers' lists are here; a list of everything registered would name every port.
 */
export interface CustomaryPort {
  readonly port: number;
  readonly use: string;
  /** Browsers refuse to open the port (Fetch standard, "port blocking"), so a web server on it answers nobody's browser. */
  readonly isRefusedByBrowsers: boolean;
}

const uses: readonly (readonly [number, string])[] = [
  [1433, 'Microsoft SQL Server'],
  [1521, 'Oracle databases'],
  [2181, 'ZooKeeper'],
  [2222, 'hosting panels'],
  [2375, 'Docker without TLS'],
  [2376, 'Docker with TLS'],
  [2379, 'etcd'],
  [2380, 'etcd'],
  [3306, 'MySQL and MariaDB'],
  [3389, 'Windows desktops'],
  [5432, 'PostgreSQL'],
  [5900, 'VNC'],
  [6379, 'Redis'],
  [6443, 'Kubernetes'],
  [8006, 'Proxmox'],
  [8443, 'Incus'],
  [9090, 'Cockpit and Prometheus'],
  [10_250, 'Kubernetes'],
  [27_017, 'MongoDB'],
];

const refusedByBrowsers: readonly (readonly [number, string])[] = [
  [1719, 'H.323'],
  [1720, 'H.323'],
  [1723, 'PPTP'],
  [2049, 'NFS'],
  [3659, 'Apple SASL'],
  [4045, 'NFS locks'],
  [4190, 'Sieve'],
  [5060, 'SIP'],
  [5061, 'SIP'],
  [6000, 'X11'],
  [6566, 'SANE'],
  [6665, 'IRC'],
  [6666, 'IRC'],
  [6667, 'IRC'],
  [6668, 'IRC'],
  [6669, 'IRC'],
  [6679, 'IRC'],
  [6697, 'IRC'],
  [10_080, 'Amanda'],
];

export const customaryPorts: readonly CustomaryPort[] = [
  ...uses.map(([port, use]) => ({ port, use, isRefusedByBrowsers: false })),
  ...refusedByBrowsers.map(([port, use]) => ({ port, use, isRefusedByBrowsers: true })),
].toSorted((one, other) => one.port - other.port);
