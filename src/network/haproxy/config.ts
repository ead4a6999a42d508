/**
 * HAProxy's configuration (2.6, "Configuration Manual"). It decides what needs no thought, by maps that are changed while it runs: a request goes to a server only
 * when everything about it is plain and the map says so; whatever else goes to the gateway unchanged. It decides as `core/web-route.ts` does, and the suite in
 * `network/conformance-edge.testing.ts` holds both to it.
 *
 * A value of the routes' map is `ADDRESS|PORT|POLICY|GENERATION|REPAIR`; there is one only for a server that is to be reached. The address is held against the
 * servers' network again here, in text before it is taken for an address: without one, `set-dst` would leave the destination as it was, which is ourselves.
 */
import { contentHost, type WebListener, type WebOrigins, type WebPorts } from '../../core/web-origins.ts';
import { passCookie } from '../../core/web-pass.ts';
import { passRules, passTable } from './pass-rules.ts';
import type { HaproxyFiles, PageFormat } from './files.ts';

export interface HaproxyConfigOptions {
  readonly files: HaproxyFiles;
  readonly origins: WebOrigins;
  /** The servers' private network. */
  readonly network: string;
  /** Where it listens: addresses as `bind` wants them, `0.0.0.0` and `[::]`. */
  readonly hosts: readonly string[];
  readonly ports: WebPorts;
  /** The gateway's sockets: for what it answers, and for what could not be passed on. */
  readonly gatewaySocket: string;
  readonly failedSocket: string;
  /** It goes on as this account once it listens. Undefined: as it was started. */
  readonly account: { readonly user: string; readonly group: string } | undefined;
  /** Networks of proxies and balancers before us: what they say of their clients is believed. */
  readonly trustedProxies: readonly string[];
  /** They say it by the PROXY protocol. */
  readonly hasProxyProtocol: boolean;
  readonly answerMs: number;
  readonly headMs: number;
  readonly mostConnections: number;
  /** Without any certificate HAProxy would not start. */
  readonly hasTls: boolean;
}

/** Names of doors are fixed: a plan has these two. */
const doors = ['www', 'usr'];
const idPattern = '(0|[1-9][0-9]{0,4})';

export function haproxyConfig(options: HaproxyConfigOptions): string {
  const { ports, hasTls } = options;
  const listeners = (['http', 'https', 'content'] as const).filter(
    (listener) => ports[listener] !== undefined && (listener === 'http' || hasTls),
  );
  const parts = [
    globalPart(options),
    defaultsPart(options),
    ...listeners.map((listener) => frontend(listener, options)),
    backend('html', options),
    backend('json', options),
    gatewayPart(options),
    passTable,
  ];
  return parts.map((lines) => `${lines.join('\n')}\n`).join('\n');
}

function globalPart({ files, account }: HaproxyConfigOptions): readonly string[] {
  return [
    'global',
    `  stats socket ${files.adminSocket} mode 600 level admin`,
    ...(account === undefined ? [] : [`  user ${account.user}`, `  group ${account.group}`]),
    `  lua-load-per-thread ${files.lua}`,
    '  fd-hard-limit 40000',
    // Heads of 16 KiB and 100 fields: what is larger is answered with 400.
    '  tune.bufsize 24576',
    '  tune.maxrewrite 8192',
    '  tune.http.maxhdr 101',
    '  hard-stop-after 1h',
    '  ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets',
    '  ssl-default-bind-ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305',
  ];
}

function defaultsPart({ answerMs, headMs }: HaproxyConfigOptions): readonly string[] {
  return [
    'defaults',
    '  mode http',
    '  timeout connect 3s',
    `  timeout http-request ${headMs}ms`,
    '  timeout http-keep-alive 60s',
    '  timeout client 1h',
    '  timeout client-fin 30s',
    `  timeout server ${answerMs}ms`,
    '  timeout tunnel 1h',
    '  option dontlognull',
    // Streams go on as they come, and whoever leaves is told of at once.
    '  option http-no-delay',
    '  option abortonclose',
  ];
}

function frontend(listener: WebListener, options: HaproxyConfigOptions): readonly string[] {
  const { files, origins, hosts, ports, mostConnections, trustedProxies, hasProxyProtocol } = options;
  const port = origins.ports[listener] ?? 0;
  const proto = listener === 'http' ? 'http' : 'https';
  const tls = listener === 'http' ? '' : ` ssl crt-list ${files.certificateList} alpn h2,http/1.1`;
  const thought = listener === 'http' && origins.isHttpsOnly ? [] : [...placeRules(listener, options), ...routeRules(listener, options)];
  return [
    `frontend ${listener}`,
    ...hosts.map((host) => `  bind ${host}:${ports[listener]}${host.includes(':') ? ' v6only' : ''}${tls}`),
    '  stick-table type ipv6 size 200k expire 5m store conn_cur',
    ...(trustedProxies.length === 0 ? [] : [`  acl from_proxy src ${trustedProxies.join(' ')}`]),
    ...(hasProxyProtocol && trustedProxies.length > 0 ? ['  tcp-request connection expect-proxy layer4 if from_proxy'] : []),
    '  tcp-request connection track-sc0 src,ipmask(32,64)',
    `  tcp-request connection reject if { sc0_conn_cur gt ${mostConnections} }${trustedProxies.length === 0 ? '' : ' !from_proxy'}`,
    '  http-request deny deny_status 405 if { method CONNECT }',
    ...(trustedProxies.length === 0 ? [] : proxyRules(listener)),
    '  # Said by us alone, whatever a client says.',
    '  http-request del-header x-myserver- -m beg',
    '  http-request del-header x-forwarded- -m beg',
    '  http-request del-header forwarded',
    '  http-request del-header x-real-ip',
    '  http-request add-header X-Forwarded-For %[src]',
    `  http-request add-header X-Forwarded-Proto ${proto}`,
    '  http-request add-header X-Forwarded-Host %[req.hdr(host)]',
    `  http-request add-header X-Forwarded-Port ${port}`,
    '  # Without its host, which Host says as it came: code-server compares the value, quotes and all, with Origin.',
    '  acl is_v6 src -m sub :',
    `  http-request add-header Forwarded 'for=%[src];proto=${proto}' unless is_v6`,
    `  http-request add-header Forwarded 'for="[%[src]]";proto=${proto}' if is_v6`,
    ...thought,
    '  default_backend gateway',
  ];
}

/** By HTTP they say it in fields, the last of which they wrote themselves. What came to them by HTTPS is for the gateway to place. */
function proxyRules(listener: WebListener): readonly string[] {
  return [
    ...(listener === 'http' ? ['  http-request set-var(txn.proxyproto) req.hdr(x-forwarded-proto),lower if from_proxy'] : []),
    '  http-request set-src req.hdr_ip(x-forwarded-for,-1) if from_proxy { req.hdr(x-forwarded-for) -m found }',
  ];
}

/** Which port of which server is asked for: `txn.key` is `www/7`, `txn.prefix` `/www/7` where it is below a path. A name that is a server's says all. */
function placeRules(listener: WebListener, { files, origins }: HaproxyConfigOptions): readonly string[] {
  const domain = origins.domain?.toLowerCase();
  const isPathHere = listener !== 'https' || domain !== undefined;
  return [
    '  http-request set-var(txn.host) req.hdr(host),field(1,:),rtrim(.),lower',
    '  acl is_named var(txn.named) -m bool',
    ...(listener === 'content' ? [] : namedRules(files, domain)),
    ...(listener === 'https' && domain !== undefined
      ? [`  acl is_content var(txn.host) -m str ${contentHost(domain)}`]
      : ['  acl is_content always_true']),
    `  acl below path -m reg '^/(${doors.join('|')})/${idPattern}/'`,
    '  acl has_prefix var(txn.prefix) -m found',
    ...(isPathHere
      ? [
          '  http-request set-var-fmt(txn.prefix) "/%[path,field(2,/)]/%[path,field(3,/)]" if !is_named is_content below',
          '  http-request set-var(txn.key) var(txn.prefix),bytes(1) if has_prefix',
        ]
      : []),
  ];
}

function namedRules(files: HaproxyFiles, domain: string | undefined): readonly string[] {
  return [
    `  http-request set-var(txn.key) var(txn.host),map(${files.domains})`,
    '  http-request set-var(txn.named) bool(true) if { var(txn.key) -m found }',
    ...(domain === undefined
      ? []
      : [
          `  acl own_zone var(txn.host) -m end ${doors.map((door) => `.${door}.${domain}`).join(' ')}`,
          `  acl own_name var(txn.host) -m reg '^${idPattern}[.](${doors.join('|')})[.]${domain.replaceAll('.', '[.]')}$'`,
          '  http-request set-var-fmt(txn.key) "%[var(txn.host),field(2,.)]/%[var(txn.host),field(1,.)]" if !is_named own_zone own_name',
          '  http-request set-var(txn.named) bool(true) if own_zone',
        ]),
  ];
}

const plain = 'value_text inside one_host host_text !odd_method !long_url !h2c !elsewhere';

function routeRules(listener: WebListener, { files, network, origins, trustedProxies }: HaproxyConfigOptions): readonly string[] {
  const hasProxies = listener === 'http' && trustedProxies.length > 0;
  const hasPasses = listener === 'https' && origins.domain !== undefined;
  return [
    `  http-request set-var(txn.value) var(txn.key),map(${files.routes}) if { var(txn.key) -m found }`,
    "  acl value_text var(txn.value) -m reg '^[0-9]{1,3}([.][0-9]{1,3}){3}[|][1-9][0-9]{0,4}[|]'",
    `  acl inside var(txn.value),field(1,|) -m ip ${network}`,
    "  # Plain: anything odd is the gateway's to refuse in words.",
    '  acl one_host req.hdr_cnt(host) eq 1',
    "  acl host_text req.hdr(host) -m reg '^[A-Za-z0-9_.:-]+$'",
    '  acl odd_method method TRACE CONNECT',
    '  acl long_url url_len gt 8192',
    '  acl h2c req.hdr(upgrade) -m sub -i h2c',
    '  acl ours_below path -m sub /.myserver/',
    '  # What a browser will render is repaired by the gateway.',
    '  acl says_destination req.hdr(sec-fetch-dest) -m found',
    '  acl renders req.hdr(sec-fetch-dest) -m str document iframe frame embed object style',
    '  acl accepts_page req.hdr(accept) -m sub -i text/html text/css',
    '  acl repair_on var(txn.value),field(5,|) -m str on',
    '  acl repair_auto var(txn.value),field(5,|) -m str auto',
    '  acl is_head method HEAD',
    '  http-request set-var(txn.elsewhere) bool(true) if has_prefix repair_on !is_head',
    '  http-request set-var(txn.elsewhere) bool(true) if has_prefix repair_auto says_destination renders !is_head',
    '  http-request set-var(txn.elsewhere) bool(true) if has_prefix repair_auto !says_destination accepts_page !is_head',
    '  http-request set-var(txn.elsewhere) bool(true) if has_prefix ours_below',
    ...(listener === 'http'
      ? [
          '  # It may be our own proof of a name, whoever has the name.',
          '  http-request set-var(txn.elsewhere) bool(true) if { path -m beg /.well-known/acme-challenge/ }',
        ]
      : []),
    ...(hasProxies ? ['  http-request set-var(txn.elsewhere) bool(true) if { var(txn.proxyproto) -m str https }'] : []),
    '  acl elsewhere var(txn.elsewhere) -m bool',
    '  acl public var(txn.value),field(3,|) -m str public',
    `  http-request set-var(txn.plain) bool(true) if public ${plain}`,
    ...(hasPasses ? [...passRules(files), `  http-request set-var(txn.plain) bool(true) if visitor ${plain}`] : []),
    '  acl plain var(txn.plain) -m bool',
    '  # For the addresses in its answer.',
    '  http-request set-var(txn.asked) req.hdr(host) if plain has_prefix',
    '  acl accepts_json req.hdr(accept) -m reg -i application/([a-z0-9.-]+[+])?json',
    '  acl accepts_html req.hdr(accept) -m sub -i text/html',
    '  use_backend servers_json if plain accepts_json !accepts_html',
    '  use_backend servers_html if plain',
  ];
}

function backend(format: PageFormat, { files, failedSocket }: HaproxyConfigOptions): readonly string[] {
  const type = format === 'json' ? 'application/json' : '"text/html; charset=utf-8"';
  const page = (status: number, failure: 'slow' | 'broken') =>
    `  http-error status ${status} content-type ${type} lf-file ${files.page(failure, format)} hdr cache-control no-store hdr x-content-type-options nosniff`;
  return [
    `backend servers_${format}`,
    '  http-reuse safe',
    '  retries 1',
    '  option redispatch 1',
    '  # What asks twice without harm may be asked again, by the gateway, which shows a page.',
    '  retry-on conn-failure empty-response',
    '  http-request disable-l7-retry unless { method GET HEAD OPTIONS }',
    page(502, 'broken'),
    page(504, 'slow'),
    '  http-request set-timeout server 1h if { req.hdr(accept) -m sub -i text/event-stream }',
    '  http-request add-header X-Forwarded-Prefix %[var(txn.prefix)] if { var(txn.prefix) -m found }',
    '  http-request add-header X-Myserver-Identity %[var(txn.identity)] if { var(txn.visitor) -m bool }',
    '  http-request add-header X-Myserver-Person %[var(txn.sub)] if { var(txn.visitor) -m bool } !{ var(txn.sub) -m beg link: }',
    `  acl has_pass req.hdr(cookie) -m sub -i ${passCookie}`,
    `  http-request del-header cookie if { req.hdr_cnt(cookie) eq 1 } { req.hdr(cookie) -m reg -i ^${passCookie}=[^;]*$ }`,
    '  http-request lua.inward if has_pass',
    '  http-request del-header keep-alive',
    '  http-request del-header proxy-connection',
    '  http-request del-header proxy-authorization',
    '  http-request set-uri %[pathq] unless { url -m beg / }',
    '  http-request set-path /%[path,field(4,/,0)] if { var(txn.prefix) -m found }',
    '  http-request set-dst var(txn.value),field(1,|)',
    '  http-request set-dst-port var(txn.value),field(2,|)',
    ...['service-worker-allowed', 'clear-site-data', 'strict-transport-security', 'alt-svc', 'nel', 'report-to', 'reporting-endpoints'].map(
      (name) => `  http-response del-header ${name}`,
    ),
    '  http-response del-header keep-alive',
    '  http-response lua.outward if { res.hdr(set-cookie) -m found }',
    '  acl below var(txn.prefix) -m found',
    '  acl has_address res.hdr(location) -m found',
    '  acl has_address res.hdr(content-location) -m found',
    '  acl has_address res.hdr(refresh) -m found',
    '  acl has_address res.hdr(link) -m found',
    '  http-response lua.outward if below has_address !{ res.hdr(set-cookie) -m found }',
    '  use-server direct if TRUE',
    '  server direct 0.0.0.0:0 weight 0',
    `  server failed1 unix@${failedSocket}`,
    `  server failed2 unix@${failedSocket}`,
  ];
}

function gatewayPart({ gatewaySocket }: HaproxyConfigOptions): readonly string[] {
  return [
    'backend gateway',
    '  http-reuse safe',
    '  timeout server 1h',
    '  http-request set-header X-Myserver-Listener %[fe_name]',
    "  # A trusted proxy's client, who came to it by HTTPS.",
    '  http-request set-header X-Myserver-Listener https if { var(txn.proxyproto) -m str https }',
    `  server gateway unix@${gatewaySocket}`,
  ];
}
