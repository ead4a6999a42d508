/** `ADDRESS PORT`: agrees to become a WebSocket with whoever asks (RFC 6455, section 4.2.2), and then says nothing. */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

const [, , address, port] = process.argv;
const server = createServer((_asking, response) => response.end());
server.on('upgrade', ({ headers }, socket) => {
  const accept = createHash('sha1').update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  socket.on('error', () => socket.destroy());
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
});
server.listen(Number(port), address);
