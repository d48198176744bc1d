// A peer: HTTPS, or an echo, as one writes it with Node.js. See servers.py for what it must
// answer; without a certificate ("-") the echo is plain.
'use strict';
const [port, cert, key, www, workers, mode] = process.argv.slice(2);
const cluster = require('cluster');
const fs = require('fs');
const path = require('path');

function echo(socket) {
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.pipe(socket);
}

function answer(request, response) {
  if (request.url === '/') {
    response.writeHead(200, {'Content-Type': 'text/plain', 'Content-Length': 13});
    response.end('Hello, World!');
    return;
  }
  const file = path.join(www, path.basename(request.url));
  response.writeHead(200, {'Content-Length': fs.statSync(file).size});
  fs.createReadStream(file).on('error', () => response.destroy()).pipe(response);
}

function web(options) {
  const server = require('https').createServer(options, answer);
  server.keepAliveTimeout = server.headersTimeout = 3600000;
  server.requestTimeout = server.maxRequestsPerSocket = server.timeout = 0;
  server.on('clientError', (error, socket) => socket.destroy());
  return server;
}

function serve() {
  const plain = cert === '-';
  const options = plain ? {} :
    {cert: fs.readFileSync(cert), key: fs.readFileSync(key), minVersion: 'TLSv1.3'};
  const server = mode !== 'echo' ? web(options) :
    plain ? require('net').createServer(echo) : require('tls').createServer(options, echo);
  server.on('tlsClientError', () => {});
  server.listen({port: +port, host: '127.0.0.1', backlog: 4096});
}

if (+workers > 1 && cluster.isPrimary) {
  for (let i = 0; i < +workers; i++) cluster.fork();
} else {
  serve();
}
