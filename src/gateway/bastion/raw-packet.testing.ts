/** Packets that ssh2 would not send. */
import type { Client, Connection } from 'ssh2';
import { concatBytes, sshString } from '../../core/ssh-wire.ts';

interface Inside {
  readonly _protocol: {
    readonly _packetRW: {
      readonly write: {
        readonly allocStartKEX: number;
        alloc(bytes: number, isForced: boolean): Buffer;
        finalize(packet: Buffer, isForced: boolean): Buffer;
      };
    };
    readonly _cipher: { encrypt(packet: Buffer): void };
  };
}

/** At once, although keys are being changed. Text is sent with its length before it, bytes as they are. */
export function sendRaw(peer: Client | Connection, ...parts: readonly (string | Uint8Array)[]): void {
  const { _packetRW: packets, _cipher: cipher } = (peer as unknown as Inside)._protocol;
  const payload = concatBytes(parts.map((part) => (typeof part === 'string' ? sshString(part) : part)));
  const packet = packets.write.alloc(payload.length, true);
  packet.set(payload, packets.write.allocStartKEX);
  cipher.encrypt(packets.write.finalize(packet, true));
}
