/** The least that could answer in control's place: Node's own HTTP server with one answer, made beforehand. The peer of `thousand.ts`. */
import { createServer } from 'node:http';

const [, , socketPath, bytes] = process.argv;
const answer = JSON.stringify({ text: 'x'.repeat(Number(bytes) - 11) });
createServer((_, response) => {
  response.setHeader('content-type', 'application/json').end(answer);
}).listen(socketPath, () => process.stdout.write(`${JSON.stringify({ socketPath })}\n`));
process.stdin.resume().once('end', () => process.exit());
