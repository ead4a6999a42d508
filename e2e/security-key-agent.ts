/**
 * An SSH agent (draft-miller-ssh-agent) with one security key in it, made of software: OpenSSH asks it for signatures as it asks an agent that has the real
 * token. `flags` say what the token saw: 1 a touch, 4 a PIN or a fingerprint.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import type { Signer } from '../src/control/ssh-signer.testing.ts';
import { concatBytes, SshReader, sshString } from '../src/core/ssh-wire.ts';

export interface SecurityKeyAgent extends AsyncDisposable {
  readonly socketPath: string;
  /** How many signatures it has given. */
  readonly signed: number;
  flags: number;
  /** Also shows this certificate, made for its key. */
  addCertificate(path: string): Promise<void>;
}

const message = { failure: 5, identities: 11, identitiesAnswer: 12, sign: 13, signature: 14 } as const;

export async function makeSecurityKeyAgent(signer: Signer, socketPath: string): Promise<SecurityKeyAgent> {
  const blobs = [signer.blob];
  const server = createServer((socket) => void serve(socket));
  const sockets = new Set<Socket>();
  const agent = {
    socketPath,
    signed: 0,
    flags: 1,
    async addCertificate(path: string) {
      blobs.push(Buffer.from((await readFile(path, 'utf8')).split(' ')[1] ?? '', 'base64'));
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };

  function answer(request: Uint8Array): Uint8Array {
    const reader = new SshReader(request);
    const kind = reader.byte();
    if (kind === message.identities) {
      const entries = blobs.flatMap((blob) => [sshString(blob), sshString('software token')]);
      return concatBytes([Uint8Array.of(message.identitiesAnswer), Uint8Array.of(0, 0, 0, blobs.length), ...entries]);
    }
    const [, data] = [reader.bytes(), reader.bytes()];
    if (kind !== message.sign || data === undefined) return Uint8Array.of(message.failure);
    agent.signed += 1;
    return concatBytes([Uint8Array.of(message.signature), sshString(signer.signature(data, agent.flags))]);
  }

  async function serve(socket: Socket): Promise<void> {
    sockets.add(socket);
    socket.on('error', () => {});
    let waiting = Buffer.alloc(0);
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      waiting = Buffer.concat([waiting, chunk]);
      while (waiting.length >= 4 && waiting.length >= 4 + waiting.readUInt32BE(0)) {
        const end = 4 + waiting.readUInt32BE(0);
        socket.write(sshString(answer(waiting.subarray(4, end))));
        waiting = waiting.subarray(end);
      }
    }
  }

  server.listen(socketPath);
  await once(server, 'listening');
  return agent;
}
