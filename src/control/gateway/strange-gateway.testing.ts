/** What a gateway that somebody has taken over can say to control, and people with keys whose signatures it has come by. */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concatBytes, sshString } from '../../core/ssh-wire.ts';
import { parsePersonName } from '../../core/names.ts';
import { parsePublicKeys } from '../../core/ssh-key.ts';
import { makeControlLink, type ControlLink } from '../../gateway/control-link.ts';
import { type ApiRoom, makeApiRoom } from '../../rest/api-room.testing.ts';
import { keyFingerprint } from '../key-fingerprint.ts';

export interface StrangeGateway extends AsyncDisposable {
  readonly room: ApiRoom;
  readonly link: ControlLink;
  /** One request as it is over the gateway's socket; the status. */
  readonly raw: (
    path: string,
    sent?: { readonly method?: string; readonly headers?: Readonly<Record<string, string>>; readonly body?: string },
  ) => Promise<number>;
}

export async function makeStrangeGateway(options: Parameters<typeof makeApiRoom>[0] = {}): Promise<StrangeGateway> {
  const dir = await mkdtemp(join(tmpdir(), 'mys-gw-'));
  const path = join(dir, 'gateway.sock');
  const room = await makeApiRoom({ ...options, config: { ...options.config, gatewaySocket: { path } } });
  return {
    room,
    link: makeControlLink(path),
    raw: async (url, { method = 'POST', headers = {}, body } = {}) => {
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      const length = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) };
      const asked = request({ socketPath: path, path: url, agent: false, method, headers: { ...length, ...headers } });
      asked.once('error', reject);
      asked.once('response', (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      asked.end(body);
      return await promise;
    },
    async [Symbol.asyncDispose]() {
      await room[Symbol.asyncDispose]();
      await rm(dir, { recursive: true });
    },
  };
}

export interface Signer {
  /** Base64 of the wire's form. */
  readonly key: string;
  readonly line: string;
  readonly fingerprint: string;
  /** As a client signs it; `extra` changes single fields. */
  proof(user: string, extra?: Partial<SignedFields>): { readonly signedData: string; readonly signature: string };
}

export interface SignedFields {
  readonly sessionId: Uint8Array;
  readonly service: string;
  readonly method: string;
  readonly messageNumber: number;
  readonly algorithm: string;
  readonly key: Uint8Array;
  readonly after: Uint8Array;
}

export function makeSigner(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const blob = concatBytes([sshString('ssh-ed25519'), sshString(Buffer.from(String(publicKey.export({ format: 'jwk' }).x), 'base64url'))]);
  const key = Buffer.from(blob).toString('base64');
  return {
    key,
    line: `ssh-ed25519 ${key} a-key`,
    fingerprint: keyFingerprint(key),
    proof: (user, extra = {}) => signedLogin(user, { key: blob, ...extra }, privateKey),
  };
}

/** RFC 4252, section 7. */
export function userauthRequest(user: string, fields: Partial<SignedFields> & Pick<SignedFields, 'key'>): Buffer {
  const { sessionId = randomBytes(32), service = 'ssh-connection', method = 'publickey', messageNumber = 50 } = fields;
  const { algorithm = 'ssh-ed25519', key, after = new Uint8Array() } = fields;
  const words = [sshString(user), sshString(service), sshString(method), Uint8Array.of(1), sshString(algorithm), sshString(key)];
  return Buffer.from(concatBytes([sshString(sessionId), Uint8Array.of(messageNumber), ...words, after]));
}

function signedLogin(user: string, fields: Partial<SignedFields> & Pick<SignedFields, 'key'>, privateKey: KeyObject) {
  const signedData = userauthRequest(user, fields);
  const signature = Buffer.from(concatBytes([sshString('ssh-ed25519'), sshString(sign(null, signedData, privateKey))]));
  return { signedData: signedData.toString('base64'), signature: signature.toString('base64') };
}

export async function giveKey({ room }: StrangeGateway, person: string, signer: Signer): Promise<void> {
  for (const key of parsePublicKeys(signer.line).keys)
    await room.room.store.personKeys.add({ ...key, person: parsePersonName(person), fingerprint: signer.fingerprint });
}
