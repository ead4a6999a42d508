/** The part of the configuration that is about the gateway and its bastion. */
import { isIPv6 } from 'node:net';
import { type Static, Type } from 'typebox';
import type { ListedDestination } from '../control/gateway/listed-destinations.ts';
import { fault } from '../core/errors.ts';
import { shorten } from '../core/ids.ts';
import { ipv4Network, ipv4Number, overlap } from '../core/ipv4.ts';
import { parseGroupName } from '../core/names.ts';
import type { Plan } from '../core/plan.ts';
import { metadataNetwork } from '../core/ruleset.ts';
import { type RecordingPolicy, recordingPolicies } from '../core/recording.ts';
import { parsePublicKeys, publicKeyLine } from '../core/ssh-key.ts';
import { parseSize } from '../core/sizes.ts';
import type { WebListener, WebPorts } from '../core/web-origins.ts';
import type { CertificateFiles } from '../host/certificates/read.ts';

export const defaultRecordingsDir = '/var/lib/myserver-gateway/recordings';

/** Where the bastion is: the first that is free, when `up` writes the configuration, or when the gateway starts where that does not say. */
export const usualBastionPorts: readonly number[] = [22, 3022];
/** The same for the web. */
export const usualWebPorts: Readonly<Record<WebListener, readonly number[]>> = { http: [80, 9080], https: [443, 9443], content: [9444] };

const text = Type.String({ minLength: 1, maxLength: 4096 });
const port = Type.Integer({ minimum: 1, maximum: 65_535 });
const portOrNone = Type.Integer({ minimum: 0, maximum: 65_535 });

const DestinationSchema = Type.Object(
  { address: text, port, group: Type.Optional(text), names: Type.Optional(Type.Array(text)) },
  { additionalProperties: false },
);

export const gatewayFields = {
  /** The account it runs as. */
  user: text,
  /** Processes that share the work; 0 is one for each processor. */
  workers: Type.Integer({ minimum: 0, maximum: 64 }),
  /** Where it listens; every address where nothing is said. */
  host: text,
  /** How long sessions may go on after a restart of the gateway that lets them finish. */
  drainHours: Type.Number({ exclusiveMinimum: 0 }),
  /** Where recordings of terminal sessions are, for how long, and how large one may be. */
  recordingsDir: text,
  recordingDays: Type.Number({ exclusiveMinimum: 0 }),
  recordingSize: text,
};

export const bastionFields = {
  enabled: Type.Boolean(),
  /** Where nothing is said, chosen at each start: 22 if it is free, else 3022. `up` writes down what it finds free. */
  port,
  /** OpenSSH lines of authorities whose user certificates count. */
  userAuthorities: Type.Array(text),
  /** What people may reach through it beyond their own servers. */
  destinations: Type.Array(DestinationSchema),
  /** Which terminal sessions are recorded. */
  recording: Type.Union(recordingPolicies.map((policy) => Type.Literal(policy))),
};

export const webFields = {
  /** Whether the gateway serves what servers publish, at `/www/ID/` and `/usr/ID/`. */
  enabled: Type.Boolean(),
  /** Plain HTTP. Where nothing is said, chosen at each start: 80 if it is free, else 9080. `up` writes down what it finds free. */
  port,
  /** HTTPS, as HTTP: 443, else 9443. 0: none. */
  httpsPort: portOrNone,
  /** HTTPS of servers' pages below prefixes where there is no domain: an origin apart from our own pages. 9444. */
  contentPort: port,
  /** Plain HTTP only leads to HTTPS. */
  httpsOnly: Type.Boolean(),
  /** PEM files that somebody else keeps in order; none: an authority of this host's own. */
  certificates: Type.Array(Type.Object({ chain: text, key: text }, { additionalProperties: false }), { maxItems: 100 }),
  /** Who stands in front: HAProxy, or the gateway itself. Where nothing is said, HAProxy if it is installed. */
  edge: Type.Union([Type.Literal('haproxy'), Type.Literal('embedded')]),
  /** Where the gateway makes its sockets for HAProxy. */
  socketDir: text,
  /** Servers get names below it, `123.www.DOMAIN`: it and `*.www.DOMAIN`, `*.usr.DOMAIN` lead to this host. */
  domain: Type.String({
    pattern: String.raw`^(?:[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?)(?:\.[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?)*$`,
    maxLength: 200,
  }),
  /** Networks of proxies and balancers before us: what they say of their clients is believed. */
  trustedProxies: Type.Array(Type.String({ pattern: String.raw`^[\da-fA-F.:]+(?:/\d{1,3})?$`, maxLength: 60 }), { maxItems: 100 }),
  /** They say it by the PROXY protocol, which only HAProxy takes. */
  proxyProtocol: Type.Boolean(),
  /** Certificates from an ACME server (RFC 8555). */
  acme: Type.Object(
    {
      directory: Type.String({ pattern: '^https://', maxLength: 500 }),
      contact: Type.Optional(text),
      /** A program that puts TXT records into the zone: then there are names below the domain, too. None: proven by plain HTTP. */
      hook: Type.Optional(text),
      /** PEM of the ACME server's own authority, where the system does not know it. */
      ca: Type.Optional(text),
    },
    { additionalProperties: false },
  ),
  /** Who is asked for the TXT records that prove servers' own domains; none: the host's own resolver. `192.0.2.53` or `192.0.2.53:5353`. */
  nameServers: Type.Array(Type.String({ pattern: String.raw`^[\d.:a-fA-F\[\]]{2,60}$` }), { maxItems: 5 }),
  /** How long a server may take to begin its answer. */
  answerSeconds: Type.Number({ exclusiveMinimum: 0, maximum: 86_400 }),
};

type Written<T extends Parameters<typeof Type.Object>[0]> = Partial<Static<ReturnType<typeof Type.Object<T>>>>;

export interface AcmeConfig {
  readonly directory: string;
  readonly contact?: string;
  readonly hook?: string;
  readonly ca?: string;
}

export interface GatewayConfig {
  readonly gateway: {
    readonly user: string;
    readonly workers: number;
    readonly host: string | undefined;
    readonly drainMs: number;
    readonly recordings: { readonly dir: string; readonly keptMs: number; readonly mostBytes: number };
  };
  readonly bastion: {
    readonly isEnabled: boolean;
    /** Undefined: chosen at each start. */
    readonly port: number | undefined;
    readonly userAuthorities: readonly string[];
    readonly destinations: readonly ListedDestination[];
    readonly recording: RecordingPolicy;
  };
  readonly web: {
    readonly isEnabled: boolean;
    readonly listeners: readonly WebListener[];
    /** Undefined: chosen at each start. */
    readonly ports: WebPorts;
    readonly isHttpsOnly: boolean;
    readonly certificates: readonly CertificateFiles[];
    readonly edge: 'haproxy' | 'embedded' | undefined;
    readonly socketDir: string;
    readonly domain: string | undefined;
    readonly acme: AcmeConfig | undefined;
    readonly trustedProxies: readonly string[];
    readonly hasProxyProtocol: boolean;
    readonly nameServers: readonly string[];
    readonly answerMs: number;
  };
}

/** Defaults put in. Throws `bad-configuration`, `bad-key`, `bad-name`. */
export function readGatewayConfig(
  gateway: Written<typeof gatewayFields>,
  bastion: Written<typeof bastionFields>,
  web: Written<typeof webFields>,
  plan: Plan,
): GatewayConfig {
  return {
    gateway: {
      user: gateway.user ?? 'myserver-gateway',
      workers: gateway.workers ?? 0,
      host: gateway.host,
      drainMs: (gateway.drainHours ?? 24) * 3_600_000,
      recordings: {
        dir: readRecordingsDir(gateway.recordingsDir ?? defaultRecordingsDir),
        keptMs: (gateway.recordingDays ?? 30) * 86_400_000,
        mostBytes: parseSize(gateway.recordingSize ?? '100M', 'gateway.recordingSize'),
      },
    },
    bastion: {
      isEnabled: bastion.enabled ?? true,
      port: bastion.port,
      userAuthorities: (bastion.userAuthorities ?? []).map(readAuthority),
      destinations: (bastion.destinations ?? []).map((one) => readDestination(one, plan)),
      recording: bastion.recording ?? 'owner',
    },
    // The edge lives in the gateway, which is there for the bastion.
    web: {
      isEnabled: (web.enabled ?? true) && (bastion.enabled ?? true),
      listeners: web.httpsPort === 0 ? ['http'] : web.domain === undefined ? ['http', 'https', 'content'] : ['http', 'https'],
      ports: { http: web.port, https: web.httpsPort, content: web.contentPort },
      isHttpsOnly: web.httpsOnly ?? false,
      certificates: web.certificates ?? [],
      edge: web.edge,
      socketDir: web.socketDir ?? '/run/myserver-web',
      domain: web.domain,
      acme: web.acme,
      trustedProxies: (web.trustedProxies ?? []).map((text) => readProxy(text, plan)),
      hasProxyProtocol: readProxyProtocol(web),
      nameServers: web.nameServers ?? [],
      answerMs: (web.answerSeconds ?? 60) * 1000,
    },
  };
}

/** It is written into a unit of systemd's. Throws `bad-configuration`. */
function readRecordingsDir(path: string): string {
  if (!/^(?:\/[\w.-]+){2,}$/u.test(path))
    throw fault(
      'bad-configuration',
      `gateway.recordingsDir is "${shorten(path)}": give the absolute path of a directory within another, of letters, digits, ".", "_" and "-"`,
    );
  return path;
}

/** Throws `bad-configuration`. */
function readAuthority(line: string): string {
  const [key] = parsePublicKeys(line).keys;
  if (key === undefined) throw fault('bad-configuration', `bastion.userAuthorities has "${shorten(line)}", which is no public key`);
  return publicKeyLine(key);
}

/** A server that could say for whom it speaks would be anybody. Throws `bad-configuration`. */
function readProxy(text: string, plan: Plan): string {
  const [address = '', bits] = text.split('/');
  const four = ipv4Network(bits === undefined ? `${text}/32` : text);
  // The first of all networks has the whole of IPv4 in it (RFC 4291, 2.5.5).
  const isLate = Number.parseInt(address, 16) > 0 || text === '::1';
  const six = isIPv6(address) && isLate && (bits === undefined || (Number(bits) >= 8 && Number(bits) <= 128));
  if ((four === undefined && !six) || (four !== undefined && four.prefix < 8))
    throw fault(
      'bad-configuration',
      `web.trustedProxies has "${shorten(text)}": give an address or a network of at least 8 bits, as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/64`,
    );
  if (four !== undefined && overlap(four, plan.network))
    throw fault(
      'bad-configuration',
      `web.trustedProxies has "${shorten(text)}", where the servers are: give the addresses of the proxies alone`,
    );
  return text;
}

/** Throws `bad-configuration`. */
function readProxyProtocol({ proxyProtocol = false, edge, trustedProxies = [] }: Written<typeof webFields>): boolean {
  if (!proxyProtocol) return false;
  if (edge === 'embedded') throw fault('bad-configuration', 'web.proxyProtocol needs HAProxy: leave web.edge away, or say "haproxy"');
  if (trustedProxies.length === 0)
    throw fault('bad-configuration', 'web.proxyProtocol is true and web.trustedProxies is empty: say there who speaks it');
  return true;
}

/** A list that led to the host itself, to a metadata service or into the servers' network would be a way around every decision. */
function readDestination({ address, port: number, group, names = [] }: Static<typeof DestinationSchema>, plan: Plan): ListedDestination {
  const value = ipv4Number(address);
  const forbidden = ['127.0.0.0/8', '0.0.0.0/8', '224.0.0.0/3', metadataNetwork, plan.network.text].map(ipv4Network);
  if (value === undefined || forbidden.some((network) => network !== undefined && value >= network.first && value <= network.last))
    throw fault(
      'bad-configuration',
      `bastion.destinations has the address "${shorten(address)}": give an IPv4 address that is neither this host's loopback, nor link-local, nor in the servers' own network`,
    );
  return {
    address,
    port: number,
    group: group === undefined ? undefined : parseGroupName(group),
    names: names.map((name) => name.toLowerCase()),
  };
}
