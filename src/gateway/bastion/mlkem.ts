/**
 * What we add to ssh2 when it is loaded, for its servers and its clients alike: the key exchange `mlkem768x25519-sha256`, without which OpenSSH from 10.1 on
 * warns at every connection, and a list of signature algorithms that can be read (its own runs two names together).
 *
 * ssh2 makes its exchanges in a closed switch over the names it knows, so ours goes under the name of one that nobody speaks. On the wire stands the true name;
 * what ssh2 compares holds the stand-in in its place; and the exchange that ssh2 then makes gets our arithmetic before it has done anything. Were that last
 * step to fail, the two sides would compute different secrets and the connection would end.
 */
import constants from 'ssh2/lib/protocol/constants.js';
import crypto from 'ssh2/lib/protocol/crypto.js';
import Protocol from 'ssh2/lib/protocol/Protocol.js';
import utils from 'ssh2/lib/protocol/utils.js';
import manifest from 'ssh2/package.json' with { type: 'json' };
import { concatBytes, sshString } from '../../core/ssh-wire.ts';
import { clientSide, serverSide } from './hybrid-exchange.ts';
import { bearPacketsWhileKeysChange, type Protocol as Exchanging } from './patience.ts';

export const mlkemExchange = 'mlkem768x25519-sha256';
const standIn = 'diffie-hellman-group17-sha512';
const knownVersion = '1.17.0';

/** Keys that we can check, as RFC 8308 section 3.1 lists them. An RSA key without this signs with SHA-1, which we refuse. */
const signatureAlgorithms = [
  'ssh-ed25519',
  'sk-ssh-ed25519@openssh.com',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ecdsa-sha2-nistp256@openssh.com',
  'rsa-sha2-512',
  'rsa-sha2-256',
];

interface Offer {
  readonly lists: { readonly kex: { array: readonly string[] } };
}

interface Exchange {
  readonly negotiated: { kex: string };
  hashName: string;
  remoteExtInfoEnabled: boolean;
  getPublicKey: () => Buffer;
  convertPublicKey: (key: Buffer) => Buffer;
  computeSecret: (other: Buffer) => Buffer | Error;
}

const heldOffer = Symbol('offer');
const heldExchange = Symbol('exchange');

/** An ssh2 `Protocol`: one side of one connection. */
interface Connection extends Exchanging {
  readonly _server: boolean;
  readonly _packetRW: {
    readonly write: { readonly allocStart: number; alloc: (bytes: number) => Buffer; finalize: (packet: Buffer) => Buffer };
  };
  _kex: Exchange | undefined;
  _onHandshakeComplete: (negotiated: unknown) => void;
  [heldOffer]?: Offer;
  [heldExchange]?: Exchange | undefined;
}

let isExtended = false;

/**
 * Once or more, before the first server or client. From then on `mlkemExchange` may be named in `algorithms.kex`; it is in no default list.
 * Throws when ssh2 is another than the one this was written for.
 */
export function extendSsh2(): void {
  if (isExtended) return;
  checkSsh2();
  for (const list of [constants.DEFAULT_KEX, constants.SUPPORTED_KEX]) list.splice(list.indexOf(standIn), 1);
  constants.SUPPORTED_KEX.unshift(mlkemExchange);

  const readList = utils.bufferParser.readList;
  utils.bufferParser.readList = () => readList()?.map(insideName);
  Object.defineProperties(Protocol.prototype, {
    _offer: {
      get(this: Connection) {
        return this[heldOffer];
      },
      set(this: Connection, offer: Offer) {
        hideName(offer);
        this[heldOffer] = offer;
        if (this._server) mendSignatureAlgorithms(this);
      },
    },
    _kex: {
      get(this: Connection) {
        return this[heldExchange];
      },
      set(this: Connection, exchange: Exchange | undefined) {
        if (exchange?.negotiated.kex === standIn) makeHybrid(exchange, this._server);
        if (this[heldExchange] !== undefined && this._server) bearPacketsWhileKeysChange(this);
        this[heldExchange] = exchange;
      },
    },
  });
  isExtended = true;
}

/** Whether ssh2 encrypts with its native part, which is made for one major version of Node: without it a stream is a third to a half as fast. */
export function hasNativeCrypto(): boolean {
  return crypto.bindingAvailable;
}

function checkSsh2(): void {
  const refuse = (what: string): never => {
    throw new Error(`the extension of ssh2 fits ${knownVersion} alone, and ${what}: read ssh2's kex.js again and mend mlkem.ts`);
  };
  if (manifest.version !== knownVersion) refuse(`this is ${manifest.version}`);
  if (!constants.DEFAULT_KEX.includes(standIn) || !constants.SUPPORTED_KEX.includes(standIn)) refuse(`${standIn} is unknown to it`);
  if (constants.SUPPORTED_KEX.includes(mlkemExchange)) refuse(`it has ${mlkemExchange} of its own`);
  if (typeof utils.bufferParser?.readList !== 'function' || typeof utils.sendPacket !== 'function') refuse('its readers are others');
  if ('_kex' in Protocol.prototype || '_offer' in Protocol.prototype) refuse('its Protocol is another');
}

/** The other side's lists as ssh2 shall compare them. One that truly speaks the stand-in must not be taken for one that speaks ours. */
function insideName(name: string): string {
  if (name === mlkemExchange) return standIn;
  return name === standIn ? `${standIn} (not ours)` : name;
}

const hidden = new WeakSet<Offer>();

/** `array` is compared, `buffer` beside it is sent. A server has one offer for all its connections. */
function hideName(offer: Offer): void {
  if (hidden.has(offer)) return;
  const { kex } = offer.lists;
  kex.array = kex.array.filter((name) => name !== standIn).map(insideName);
  hidden.add(offer);
}

function makeHybrid(exchange: Exchange, isServer: boolean): void {
  const side = isServer ? serverSide() : clientSide();
  exchange.negotiated.kex = mlkemExchange;
  exchange.hashName = 'sha256';
  exchange.getPublicKey = () => side.message();
  exchange.convertPublicKey = (key) => key;
  exchange.computeSecret = (other) => {
    try {
      return side.secret(other);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  };
}

/** Sends our own EXT_INFO as the first packet after the server's first NEWKEYS (RFC 8308, section 2.4), and keeps ssh2 from sending its own. */
function mendSignatureAlgorithms(connection: Connection): void {
  const complete = connection._onHandshakeComplete;
  connection._onHandshakeComplete = (negotiated) => {
    connection._onHandshakeComplete = complete;
    if (connection._kex?.remoteExtInfoEnabled === true) {
      connection._kex.remoteExtInfoEnabled = false;
      sendExtInfo(connection);
    }
    complete(negotiated);
  };
}

function sendExtInfo(connection: Connection): void {
  const one = Uint8Array.of(0, 0, 0, 1);
  const payload = concatBytes([
    Uint8Array.of(constants.MESSAGE.EXT_INFO),
    one,
    sshString('server-sig-algs'),
    sshString(signatureAlgorithms.join(',')),
  ]);
  const { write } = connection._packetRW;
  const packet = write.alloc(payload.length);
  packet.set(payload, write.allocStart);
  utils.sendPacket(connection, write.finalize(packet));
}
