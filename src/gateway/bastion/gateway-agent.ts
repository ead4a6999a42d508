/** To ssh2 an agent like any other: it has one key, the gateway's for that server, and control signs with it. What is forwarded inwards is the person's own agent. */
import type { Duplex } from 'node:stream';
import { callbackify } from 'node:util';
import ssh2, { type ParsedKey, type PublicKeyEntry, type SigningRequestOptions } from 'ssh2';
import type { Place } from '../../contract/internal.ts';
import type { ControlLink } from '../control-link.ts';

export interface GatewayAgentOptions {
  readonly link: ControlLink;
  readonly credential: string;
  readonly place: Place;
  /** The agent on the person's machine, while they forward it. */
  readonly openAgent: () => Promise<Duplex>;
}

type Signed = (error?: Error | null, signature?: Buffer) => void;

export class GatewayAgent extends ssh2.BaseAgent<string> {
  readonly #options: GatewayAgentOptions;

  constructor(options: GatewayAgentOptions) {
    super();
    this.#options = options;
  }

  override getIdentities(callback: (error: Error | null | undefined, keys?: PublicKeyEntry[]) => void): void {
    const { gatewayKey } = this.#options.place;
    callback(undefined, gatewayKey === null ? [] : [gatewayKey as unknown as PublicKeyEntry]);
  }

  override sign(_key: ParsedKey | Buffer | string, data: Buffer, options: SigningRequestOptions | Signed, callback?: Signed): void {
    const { link, credential, place } = this.#options;
    const body = { credential, generation: place.generation, signedData: data.toString('base64') };
    const done = typeof options === 'function' ? options : callback;
    const sign = async () => bareSignature(Buffer.from((await link.call('sign', { body })).signature, 'base64'));
    callbackify(sign)((error, signature) => done?.(error, signature));
  }

  override getStream(callback: (error: Error | undefined, stream?: Duplex) => void): void {
    callbackify(this.#options.openAgent)((error, stream) => callback(error ?? undefined, stream));
  }
}

/** ssh2 writes the algorithm's name before it itself. */
function bareSignature(blob: Buffer): Buffer {
  return blob.subarray(4 + blob.readUInt32BE(0) + 4);
}
