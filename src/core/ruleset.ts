/**
 * The host's packet rules as text for nft: forwards (NAT) and the isolation of servers from host, neighbours and wire. The whole wanted state goes in, one transaction comes out.
 *
 * Two decisions that a reader would question:
 * - No chain has the policy drop. A drop is final in every table, so that policy would cut what Docker, libvirt or a VPN forward on this host. Instead
 *   each chain lets go whatever neither comes from our bridge nor goes to it, and ends in drop for all the rest. `otherForwarding: 'drop'` closes
 *   the rest too: for a host that forwarded nothing until we turned ip_forward on, and must not become its neighbours' router by that.
 * - Leased addresses are checked before `established`: a connection of a dropped server ends with its lease, even where nobody can delete its state.
 */
import { fault } from './errors.ts';
import { shorten } from './ids.ts';
import { ipv4Network, ipv4Number, ipv4Text } from './ipv4.ts';
import { macOf, macRange } from './mac.ts';
import type { Protocol } from './plan-config.ts';

interface Forward {
  readonly protocol: Protocol;
  /** Undefined: every address of the host, 127.0.0.1 among them. */
  readonly publicAddress: string | undefined;
  readonly publicPort: number;
  /** The server's private address; it must be leased. */
  readonly address: string;
  readonly privatePort: number;
}

interface Cable {
  /** The interface at the host's end of a server's network cable: a port of the bridge. It need not be there. */
  readonly name: string;
  /** The server's private address, which must be leased. Its MAC follows from it, and no other may come through this cable. */
  readonly address: string;
}

interface HostService {
  readonly protocol: Protocol;
  readonly port: number;
}

export interface Ruleset {
  /** Name of our tables, one in the family inet and one in bridge: `myserver`. */
  readonly table: string;
  readonly bridge: string;
  /** The private network: `192.168.0.0/16`. */
  readonly network: string;
  /** The host's own address in it. */
  readonly hostAddress: string;
  /** Private addresses of leased IDs: only these talk to anybody. An instance with another address is closed in, whatever it is. */
  readonly leased: readonly string[];
  readonly cables: readonly Cable[];
  /** Those of the leased whose server is not meant to run: their ports refuse at once, where a caller would wait for nobody to answer. */
  readonly stopped: readonly string[];
  readonly forwards: readonly Forward[];
  /** What servers may reach on the host, at any of its addresses, beside DNS and DHCP: the gateway's listeners. */
  readonly hostServices: readonly HostService[];
  /** Networks that servers may not open connections to: metadata services, the host's other networks as policy says. Answers are not concerned. */
  readonly blockedDestinations: readonly string[];
  /** Whether servers see the true address of a client from outside. False where their way back does not lead through this host. */
  readonly keepSource: boolean;
  /** What becomes of packets that this host forwards between networks that are not ours. */
  readonly otherForwarding: 'leave' | 'drop';
}

/** What a server should never reach unless an administrator says otherwise: link-local addresses, where clouds keep a machine's credentials. */
export const metadataNetwork = '169.254.0.0/16';

/** The sets and maps that change with every lease; everything else in the text follows from configuration. */
type ElementSet = 'leased' | 'stopped' | 'cables' | 'macs' | 'tcp_forward' | 'udp_forward' | 'tcp_forward_at' | 'udp_forward_at';

/** Elements as nft writes them (`2123 : 192.168.11.123 . 22`), sorted by number. */
function rulesetElements(ruleset: Ruleset): Readonly<Record<ElementSet, readonly string[]>> {
  const leased = new Set(ruleset.leased.map(address));
  const found: Record<ElementSet, Map<number, string>> = {
    leased: new Map([...leased].map((value) => [value, ipv4Text(value)])),
    stopped: new Map(ruleset.stopped.map((text) => [address(text), text])),
    cables: new Map(),
    macs: new Map(),
    tcp_forward: new Map(),
    udp_forward: new Map(),
    tcp_forward_at: new Map(),
    udp_forward_at: new Map(),
  };
  const cables = new Set<string>();
  for (const cable of ruleset.cables) {
    const key = address(cable.address);
    const quoted = `"${interfaceName(cable.name, 'cable')}"`;
    if (!leased.has(key)) throw fault('conflict', `the cable ${cable.name} would be of ${cable.address}, which belongs to no leased ID`);
    if (cables.has(quoted) || found.cables.has(key)) throw fault('conflict', `the cable ${cable.name} or its address is stated twice`);
    cables.add(quoted);
    found.cables.set(key, quoted);
    found.macs.set(key, `${quoted} . ${macOf(cable.address)}`);
  }
  for (const { protocol, publicAddress, publicPort, address: to, privatePort } of ruleset.forwards) {
    if (!leased.has(address(to)))
      throw fault('conflict', `port ${publicPort}/${protocol} would lead to ${to}, which belongs to no leased ID`);
    const at = publicAddress === undefined ? undefined : address(publicAddress);
    const map = found[`${protocol}_forward${at === undefined ? '' : '_at'}`];
    const key = (at ?? 0) * 65_536 + port(publicPort);
    if (map.has(key))
      throw fault('conflict', `port ${publicPort}/${protocol} is forwarded twice: ${map.get(key)} and ${to} . ${privatePort}`);
    map.set(key, `${at === undefined ? '' : `${ipv4Text(at)} . `}${publicPort} : ${to} . ${port(privatePort)}`);
  }
  return {
    leased: sorted(found.leased),
    stopped: sorted(found.stopped),
    cables: sorted(found.cables),
    macs: sorted(found.macs),
    tcp_forward: sorted(found.tcp_forward),
    udp_forward: sorted(found.udp_forward),
    tcp_forward_at: sorted(found.tcp_forward_at),
    udp_forward_at: sorted(found.udp_forward_at),
  };
}

/**
 * The whole state as one transaction: our tables are made, deleted and made anew, and the kernel changes from all the old to all the new at once. Throws
 * `conflict` when a port is stated twice or leads to an address that is not leased, `bad-configuration` for a name, network or port that is none.
 */
export function rulesetText(ruleset: Ruleset): string {
  const table = name(ruleset.table, 'table', /^[a-z][a-z\d_]{0,30}$/u);
  const elements = rulesetElements(ruleset);
  return `${clearText(table)}
table inet ${table} {
${mapsText(ruleset, elements)}

${earlyText(ruleset)}

${natText(ruleset)}

${filterText(ruleset)}
}

${bridgeText(ruleset, elements)}
`;
}

/** Takes our tables away, whether they are there or not. */
export function clearText(table: string): string {
  return ['inet', 'bridge'].map((family) => `add table ${family} ${table}\ndelete table ${family} ${table}\n`).join('');
}

function mapsText(ruleset: Ruleset, elements: Readonly<Record<ElementSet, readonly string[]>>): string {
  const services = [...new Set(ruleset.hostServices.map((item) => `${item.protocol} . ${port(item.port)}`))].toSorted(byText);
  const blocked = [...new Set(ruleset.blockedDestinations.map((item) => networkOf(item).text))].toSorted(byText);
  const byPort = 'type inet_service : ipv4_addr . inet_service';
  const byAddress = 'type ipv4_addr . inet_service : ipv4_addr . inet_service';
  return [
    holder('set leased', 'type ipv4_addr', elements.leased),
    holder('set stopped', 'type ipv4_addr', elements.stopped),
    holder('map tcp_forward', byPort, elements.tcp_forward),
    holder('map udp_forward', byPort, elements.udp_forward),
    holder('map tcp_forward_at', byAddress, elements.tcp_forward_at),
    holder('map udp_forward_at', byAddress, elements.udp_forward_at),
    holder('set host_services', 'type inet_proto . inet_service', services),
    holder('set blocked', 'type ipv4_addr; flags interval; auto-merge', blocked),
  ].join('\n');
}

/** Before connection tracking and NAT: what no honest packet says. Every packet passes here, so each side meets only the rules that concern it. */
function earlyText(ruleset: Ruleset): string {
  const { bridge, network } = names(ruleset);
  return `	chain early_from_servers {
		ip daddr 127.0.0.0/8 drop
		# DHCP asks from 0.0.0.0; all else from a server says it comes from one, and not from the host.
		ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept
		ip saddr ${ruleset.hostAddress} drop
		ip saddr != ${network} drop
	}

	chain early {
		type filter hook prerouting priority raw; policy accept;
		iifname "lo" accept
		iifname "${bridge}" goto early_from_servers
		# route_localnet, which 127.0.0.1:2123 needs, lets a packet from the wire claim to come from or go to loopback.
		ip saddr 127.0.0.0/8 drop
		ip daddr 127.0.0.0/8 drop
		# Spoofed: our addresses from elsewhere.
		ip saddr ${network} drop
	}`;
}

function natText(ruleset: Ruleset): string {
  const { bridge, network } = names(ruleset);
  const forward = `		fib daddr type local meta l4proto tcp dnat ip to tcp dport map @tcp_forward
		fib daddr type local meta l4proto udp dnat ip to udp dport map @udp_forward
		fib daddr type local meta l4proto tcp dnat ip to ip daddr . tcp dport map @tcp_forward_at
		fib daddr type local meta l4proto udp dnat ip to ip daddr . udp dport map @udp_forward_at`;
  const masked = ruleset.keepSource
    ? `ct status dnat ip saddr { 127.0.0.0/8, ${network} } ip daddr ${network}`
    : `ct status dnat ip daddr ${network}`;
  return `	chain to_servers {
		type nat hook prerouting priority dstnat; policy accept;
${forward}
	}

	chain to_servers_from_host {
		type nat hook output priority -100; policy accept;
${forward}
	}

	chain sources {
		type nat hook postrouting priority srcnat; policy accept;
		# ${ruleset.keepSource ? 'Only where the answer would not find its way back: from loopback, and from a server through the public address.' : 'Every client appears as the host.'}
		${masked} masquerade
		ip saddr ${network} oifname != { "lo", "${bridge}" } masquerade
	}`;
}

function filterText(ruleset: Ruleset): string {
  const { bridge, network } = names(ruleset);
  // Packets in the middle of a connection that nobody knows: it was cut. Taken for a new one it would go on, refused it ends at once at both ends.
  const cut = 'tcp flags & (fin | syn | rst | ack) != syn reject with tcp reset';
  return `	chain from_servers_to_host {
		type filter hook input priority filter - 10; policy accept;
		iifname != { "lo", "${bridge}" } ip daddr ${ruleset.hostAddress} drop
		iifname != "${bridge}" accept
		meta nfproto ipv6 drop
		udp sport 68 udp dport 67 accept
		ip saddr != @leased drop
		ct state established,related accept
		ip daddr ${ruleset.hostAddress} meta l4proto { tcp, udp } th dport 53 accept
		meta l4proto . th dport @host_services accept
		drop
	}

	# The first rule of each way says for most packets what the rest would say: leased and established.
	chain from_servers {
		oifname != "${bridge}" ip saddr @leased ct state established,related accept
		meta nfproto ipv6 drop
		ip saddr != @leased drop
		oifname "${bridge}" ip daddr != @leased drop
		ct state established,related accept
		ct state invalid drop
		${cut}
		ct status dnat ip daddr @stopped meta l4proto tcp reject with tcp reset
		ct status dnat ip daddr @stopped reject
		oifname "${bridge}" accept
		ip daddr @blocked drop
		accept
	}

	chain from_elsewhere_to_servers {
		ip daddr @leased ct state established,related accept
		meta nfproto ipv6 drop
		ip daddr != @leased drop
		ct state invalid drop
		${cut}
		ct status dnat ip daddr @stopped meta l4proto tcp reject with tcp reset
		ct status dnat ip daddr @stopped reject
		# Into the bridge from outside, only by a port block: a neighbour who adds a route to our network ends here.
		ct status dnat accept
		drop
	}

	chain through_host {
		type filter hook forward priority filter - 10; policy accept;
		iifname "${bridge}" goto from_servers
		oifname "${bridge}" goto from_elsewhere_to_servers
		${ruleset.otherForwarding === 'leave' ? 'accept' : 'drop'}
	}

	chain from_host {
		type filter hook output priority filter - 10; policy accept;
		ip daddr ${network} ct state new ${cut}
		ip daddr @stopped ct state new meta l4proto tcp reject with tcp reset
	}`;
}

/**
 * On the bridge. Between servers packets pass no other chain; they are named by addresses, for `meta ibrname` is a kernel module that may be absent.
 *
 * A bridge sends a MAC's traffic to wherever a frame with that source came from last, and the engine's own filter sees the frame after the bridge has
 * learnt from it: with a neighbour's MAC as source a server would have the neighbour's traffic. The hook prerouting is before the learning. A server made
 * before servers had MACs of ours has a cable that is not named here and a MAC outside the range: it is left to the engine until its next start.
 */
function bridgeText(ruleset: Ruleset, elements: Readonly<Record<ElementSet, readonly string[]>>): string {
  const { network } = names(ruleset);
  const broadcast = ipv4Text(networkOf(ruleset.network).last);
  return `table bridge ${ruleset.table} {
${holder('set leased', 'type ipv4_addr', elements.leased)}
${holder('set cables', 'type ifname', elements.cables)}
${holder('set macs', 'type ifname . ether_addr', elements.macs)}

	chain from_cables {
		type filter hook prerouting priority -300; policy accept;
		iifname . ether saddr @macs accept
		# A stolen MAC, or many invented ones, each of which the kernel would remember; and a server's MAC from where no server is.
		iifname @cables drop
		ether saddr ${macRange(networkOf(ruleset.network))} drop
	}

	chain between_servers {
		type filter hook forward priority filter; policy accept;
		# A server that plays DHCP server would give its neighbours their gateway.
		ip saddr ${network} udp sport 67 drop
		ip saddr ${network} ip saddr != @leased drop
		ip daddr ${network} ip daddr != ${broadcast} ip daddr != @leased drop
	}
}`;
}

function holder(what: string, type: string, elements: readonly string[]): string {
  const filling = elements.length === 0 ? '' : `\n		elements = {\n${elements.map((item) => `			${item},`).join('\n')}\n		}`;
  return `	${what} {\n${type
    .split('; ')
    .map((line) => `		${line}`)
    .join('\n')}${filling}\n	}`;
}

/** Everything from configuration that is written into the text, checked: nft text has no quoting to rely on. */
function names(ruleset: Ruleset): { readonly bridge: string; readonly network: string } {
  address(ruleset.hostAddress);
  return { bridge: interfaceName(ruleset.bridge, 'bridge'), network: networkOf(ruleset.network).text };
}

/** At most 15 characters (IFNAMSIZ, less the NUL). */
function interfaceName(text: string, what: string): string {
  return name(text, what, /^[a-zA-Z][\w.-]{0,14}$/u);
}

function name(text: string, what: string, rule: RegExp): string {
  if (!rule.test(text))
    throw fault(
      'bad-configuration',
      `"${shorten(text)}" cannot name the firewall's ${what}: use letters and digits, beginning with a letter`,
    );
  return text;
}

function networkOf(text: string): NonNullable<ReturnType<typeof ipv4Network>> {
  const network = ipv4Network(text);
  if (network === undefined) throw fault('bad-configuration', `"${shorten(text)}" is not an IPv4 network such as 192.168.0.0/16`);
  return network;
}

function address(text: string): number {
  const value = ipv4Number(text);
  if (value === undefined) throw fault('bad-configuration', `"${shorten(text)}" is not an IPv4 address`);
  return value;
}

function port(value: number): number {
  if (!Number.isInteger(value) || value < 1 || value > 65_535)
    throw fault('bad-configuration', `${value} is not a port: ports go from 1 to 65535`);
  return value;
}

function sorted(elements: ReadonlyMap<number, string>): readonly string[] {
  return [...elements].toSorted(([one], [other]) => one - other).map(([, text]) => text);
}

function byText(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
