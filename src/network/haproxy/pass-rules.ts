/** Passes, read by HAProxy: whose they are, and whether they still count. It decides as `makeVisitors` and `mayRideOnPass` do (`core/web-pass.ts`). */
import { passCookie } from '../../core/web-pass.ts';
import type { HaproxyFiles } from './files.ts';

/** Signatures that were found good, by the hash of the whole pass: the key stays the same while this process lives. */
export const passTable: readonly string[] = ['backend passes', '  stick-table type binary len 32 size 20k expire 10m store gpt0'];

/** Leaves `visitor` true for whoever may come, with `txn.identity` and `txn.sub`. */
export function passRules(files: HaproxyFiles): readonly string[] {
  const claim = (field: number) => `var(txn.claims),field(${field},|)`;
  return [
    '  acl needs_pass var(txn.value),field(3,|) -m str signed-in shared',
    `  http-request set-var(txn.pass) req.cook(${passCookie}) if needs_pass`,
    '  acl has_pass var(txn.pass) -m found',
    '  http-request set-var(txn.hash) var(txn.pass),sha2(256) if has_pass',
    '  acl is_known var(txn.hash),table_gpt0(passes) eq 1',
    "  acl pass_alg var(txn.pass),jwt_header_query('$.alg') -m str RS256",
    "  acl pass_typ var(txn.pass),jwt_header_query('$.typ') -m str pass+jwt",
    '  http-request set-var(txn.verified) int(1) if has_pass is_known',
    `  http-request set-var(txn.verified) var(txn.pass),jwt_verify("RS256",${files.passKey}) if has_pass !is_known pass_alg pass_typ`,
    '  acl verified var(txn.verified) -m int 1',
    '  http-request track-sc1 var(txn.hash) table passes if verified !is_known',
    '  http-request sc-set-gpt0(1) 1 if verified !is_known',
    "  http-request set-var(txn.claims) var(txn.pass),jwt_payload_query('$.line') if verified",
    `  http-request set-var(txn.sub) ${claim(1)} if verified`,
    `  http-request set-var(txn.for) ${claim(2)} if verified`,
    '  http-request set-var-fmt(txn.here) "%[var(txn.value),field(4,|)]/%[var(txn.key),field(1,/)]" if verified',
    '  acl for_here var(txn.for),strcmp(txn.here) eq 0',
    `  http-request set-var(txn.wanted) var(txn.sub),map(${files.people}) if verified`,
    `  acl right_stamp ${claim(3)},strcmp(txn.wanted) eq 0`,
    '  acl has_stamp var(txn.wanted) -m found',
    '  http-request set-var(txn.now) date if verified',
    `  acl in_time ${claim(4)},sub(txn.now) gt 0`,
    `  http-request set-var-fmt(txn.reader) "%[var(txn.value),field(4,|)]/%[var(txn.sub)]" if verified`,
    `  acl is_reader var(txn.reader),map(${files.readers}) -m found`,
    '  acl is_link var(txn.sub) -m beg link:',
    '  acl for_signed_in var(txn.value),field(3,|) -m str signed-in',
    ...rideRules,
    '  http-request set-var(txn.counts) bool(true) if verified for_here has_stamp right_stamp in_time rides',
    '  acl counts var(txn.counts) -m bool',
    '  http-request set-var(txn.visitor) bool(true) if counts for_signed_in',
    '  http-request set-var(txn.visitor) bool(true) if counts !for_signed_in is_link',
    '  http-request set-var(txn.visitor) bool(true) if counts !for_signed_in is_reader',
    '  acl visitor var(txn.visitor) -m bool',
    "  http-request set-var(txn.identity) var(txn.pass),jwt_payload_query('$.id') if visitor",
  ];
}

/** For whose requests a pass counts: the port's own pages', and whoever comes to one. */
const rideRules: readonly string[] = [
  '  acl safe_method method GET HEAD',
  '  acl navigates req.hdr(sec-fetch-mode) -m str navigate',
  '  acl to_document req.hdr(sec-fetch-dest) -m str document',
  '  acl says_site req.hdr(sec-fetch-site) -m found',
  '  acl own_site req.hdr(sec-fetch-site) -m str same-origin none',
  '  acl says_origin req.hdr(origin) -m found',
  '  http-request set-var-fmt(txn.origin) "https://%[req.hdr(host),lower]" if says_origin !says_site',
  '  acl own_origin req.hdr(origin),lower,strcmp(txn.origin) eq 0',
  '  http-request set-var(txn.rides) bool(true) if safe_method navigates to_document',
  '  http-request set-var(txn.rides) bool(true) if says_site own_site',
  '  http-request set-var(txn.rides) bool(true) if !says_site !says_origin',
  '  http-request set-var(txn.rides) bool(true) if !says_site own_origin',
  '  acl rides var(txn.rides) -m bool',
];
