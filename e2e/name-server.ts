/** A name server for an installation's host: answers TXT questions from what a test puts into its zone, and nothing else (RFC 1035, section 4). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestInstallation } from '../src/testing/test-installation.ts';

export const nameServerPort = 5353;

/** Reads the zone, JSON of names and texts, at each question. */
const program = String.raw`
const { createSocket } = require('node:dgram');
const { readFileSync } = require('node:fs');
const [zonePath, port] = process.argv.slice(1);
const socket = createSocket('udp4');
socket.on('message', (question, from) => {
  const labels = [];
  let at = 12;
  for (let length = question[at]; length > 0; length = question[at]) {
    labels.push(question.subarray(at + 1, at + 1 + length).toString().toLowerCase());
    at += length + 1;
  }
  const asked = question.subarray(12, at + 5);
  const texts = JSON.parse(readFileSync(zonePath, 'utf8'))[labels.join('.')] ?? [];
  const answers = texts.map((text) => Buffer.concat([Buffer.from([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 1, 0, text.length + 1, text.length]), Buffer.from(text)]));
  const head = Buffer.from([question[0], question[1], 0x84, answers.length > 0 ? 0 : 3, 0, 1, 0, answers.length, 0, 0, 0, 0]);
  socket.send(Buffer.concat([head, asked, ...answers]), from.port, from.address);
});
socket.bind(Number(port), '127.0.0.1', () => console.log('ready'));
`;

export interface NameServer extends AsyncDisposable {
  say(zone: Readonly<Record<string, readonly string[]>>): Promise<void>;
}

export async function makeNameServer({ engine }: TestInstallation): Promise<NameServer> {
  const zonePath = join(engine.dir, 'zone.json');
  await writeFile(zonePath, '{}');
  const [first, ...words] = [...engine.enter, process.execPath, '-e', program, zonePath, String(nameServerPort)];
  const child = spawn(first, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return {
    say: async (zone) => await writeFile(zonePath, JSON.stringify(zone)),
    async [Symbol.asyncDispose]() {
      child.kill();
      await once(child, 'exit');
    },
  };
}
