/**
 * An authority of this host's own, for trials and networks without a public one: HTTPS works from the first minute, with a warning until people trust it.
 * It can certify nothing but this host's own names (RFC 5280, section 4.2.1.10): whoever trusts it trusts it for these alone, even if its key is stolen.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { runProgram } from '../program.ts';
import { type HeldCertificate, readCertificate } from './read.ts';

export interface LocalCertificate {
  /** PEM, for people to trust. */
  readonly authority: string;
  readonly certificate: HeldCertificate;
}

const authorityDays = 3650;
/** Some systems refuse more, even of an authority that was added by hand. */
const leafDays = 397;
const renewedBeforeMs = 60 * 86_400_000;

/** Makes what is missing in `dir`, what is for other names, and what runs out soon. Throws `cannot-here` where openssl fails. */
export async function keepLocalCertificate(dir: string, names: readonly string[], nowMs: number): Promise<LocalCertificate> {
  const at = (name: string) => join(dir, name);
  const files = { chain: at('local.pem'), key: at('local.key') };
  const wanted = [...names].sort().join('\n');
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const isFor = await readFile(at('names'), 'utf8').catch(() => '');
  if (isFor !== wanted || !existsSync(at('authority.pem')) || !existsSync(at('authority.key'))) {
    await rm(at('names'), { force: true });
    await makeAuthority(dir, names);
    await makeLeaf(dir, names);
    await writeFile(at('names'), wanted, { mode: 0o600 });
  }
  const held = await readCertificate(files).catch(() => undefined);
  if (held === undefined || held.notAfterMs - nowMs < renewedBeforeMs) await makeLeaf(dir, names);
  return { authority: await readFile(at('authority.pem'), 'utf8'), certificate: await readCertificate(files) };
}

async function makeAuthority(dir: string, names: readonly string[]): Promise<void> {
  await inScratch(dir, ['authority.key', 'authority.pem'], async (scratch) => {
    const config = `[req]
prompt = no
distinguished_name = dn
x509_extensions = ext
[dn]
CN = myserver of ${commonName(names)}
[ext]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
nameConstraints = critical, ${names.map(permitted).join(', ')}
`;
    await writeFile(join(scratch, 'config'), config);
    await makeKey(join(scratch, 'authority.key'));
    const what = ['-new', '-x509', '-days', String(authorityDays), '-sha256', '-config', join(scratch, 'config')];
    await runProgram(['openssl', 'req', ...what, '-key', join(scratch, 'authority.key'), '-out', join(scratch, 'authority.pem')]);
  });
}

async function makeLeaf(dir: string, names: readonly string[]): Promise<void> {
  await inScratch(dir, ['local.key', 'local.pem'], async (scratch) => {
    const extensions = `basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = ${names.map((name) => `${isIP(name) === 0 ? 'DNS' : 'IP'}:${name}`).join(',')}
`;
    await writeFile(join(scratch, 'extensions'), extensions);
    const [key, request, leaf] = [join(scratch, 'local.key'), join(scratch, 'request'), join(scratch, 'leaf')];
    await makeKey(key);
    await runProgram(['openssl', 'req', '-new', '-key', key, '-subj', `/CN=${commonName(names)}`, '-out', request]);
    const by = ['-CA', join(dir, 'authority.pem'), '-CAkey', join(dir, 'authority.key'), '-days', String(leafDays), '-sha256'];
    await runProgram(['openssl', 'x509', '-req', '-in', request, ...by, '-extfile', join(scratch, 'extensions'), '-out', leaf]);
    const whole = (await readFile(leaf, 'utf8')) + (await readFile(join(dir, 'authority.pem'), 'utf8'));
    await writeFile(join(scratch, 'local.pem'), whole, { mode: 0o600 });
  });
}

async function makeKey(path: string): Promise<void> {
  await writeFile(path, '', { mode: 0o600 });
  await runProgram(['openssl', 'genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', path]);
}

/** All of `made` are put into `dir` when all are there. */
async function inScratch(dir: string, made: readonly string[], work: (scratch: string) => Promise<void>): Promise<void> {
  const scratch = await mkdtemp(join(dir, 'new-'));
  try {
    await work(scratch);
    for (const name of made) await rename(join(scratch, name), join(dir, name));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** A name stands for all below it too. */
function permitted(name: string): string {
  switch (isIP(name)) {
    case 4:
      return `permitted;IP:${name}/255.255.255.255`;
    case 6:
      return `permitted;IP:${name}/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff`;
    default:
      return `permitted;DNS:${name.replace(/^\*\./u, '')}`;
  }
}

/** It has at most 64 characters (RFC 5280, appendix A.1). */
function commonName([name = '']: readonly string[]): string {
  return name.slice(0, 45).replaceAll(/[^\w.:-]/gu, '');
}
