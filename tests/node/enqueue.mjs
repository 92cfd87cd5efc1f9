// A producer in another language, after core/PROTOCOL.md: enqueues jobs of one kind with plain
// commands over a unix socket. Prints the reply as JSON; ends with 1 unless it is OK.
//   node enqueue.mjs <socket> <prefix> <queue> <kind> <count> <payload as JSON>
import net from 'node:net';
import { encodeEnvelope } from './envelope.mjs';
import { readEnqueueReply } from './reply.mjs';

const [socketPath, prefix, queue, kind, count, payload] = process.argv.slice(2);
if (payload === undefined) {
  console.error('usage: node enqueue.mjs <socket> <prefix> <queue> <kind> <count> <payload JSON>');
  process.exit(2);
}

/// Reads one RESP2 reply; undefined while bytes are missing.
function parseReply(bytes, at = 0) {
  const end = bytes.indexOf('\r\n', at);
  if (end < 0) return undefined;
  const line = bytes.toString('utf8', at + 1, end);
  const next = end + 2;
  switch (String.fromCharCode(bytes[at])) {
    case '+':
      return { value: line, next };
    case '-':
      return { value: new Error(line), next };
    case ':':
      return { value: Number(line), next };
    case '$': {
      const size = Number(line);
      if (size < 0) return { value: null, next };
      if (bytes.length < next + size + 2) return undefined;
      return { value: bytes.toString('utf8', next, next + size), next: next + size + 2 };
    }
    case '*': {
      const value = [];
      let reply = { next };
      for (let i = 0; i < Number(line); ++i) {
        reply = parseReply(bytes, reply.next);
        if (!reply) return undefined;
        value.push(reply.value);
      }
      return { value, next: reply.next };
    }
    default:
      throw new Error(`not RESP2: byte ${bytes[at]}`);
  }
}

/// One command in flight at a time: all that a sequence slot allows.
class Redis {
  #socket;
  #received = Buffer.alloc(0);
  #waiting;

  constructor(path) {
    this.#socket = net.connect(path);
    this.#socket.setTimeout(5000, () => this.#socket.destroy(new Error('no reply in 5 s')));
    this.#socket.on('error', (error) => this.#waiting?.reject(error));
    this.#socket.on('close', () => this.#waiting?.reject(new Error('the connection was closed')));
    this.#socket.on('data', (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      const reply = parseReply(this.#received);
      if (!reply) return;
      this.#received = this.#received.subarray(reply.next);
      const { resolve, reject } = this.#waiting;
      if (reply.value instanceof Error) reject(reply.value);
      else resolve(reply.value);
    });
  }

  command(...words) {
    const parts = [`*${words.length}\r\n`];
    for (const word of words) {
      const bytes = Buffer.isBuffer(word) ? word : Buffer.from(String(word));
      parts.push(`$${bytes.length}\r\n`, bytes, '\r\n');
    }
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(Buffer.concat(parts.map((part) => Buffer.from(part))));
    });
  }

  close() {
    this.#waiting = undefined;
    this.#socket.destroy();
  }
}

const base = `${prefix}:{${queue}:0}:`;
const normal = 1;
const keys = ['state', 'producers', 'due', 'parked', `ready:${normal}`].map((name) => base + name);
const producer = `node-${crypto.randomUUID()}`;
const sequence = 1;
const noBounds = [0, 0, 0];
if (!(count >= 1 && count <= 1000)) throw new Error(`count is ${count}: expected 1 to 1000`);
const payloads = Array(Number(count)).fill(JSON.parse(payload));
const envelope = encodeEnvelope(kind, payloads);
const indexOfStream = keys.length;
const delayMs = 0;

const redis = new Redis(socketPath);
try {
  await redis.command('SADD', `${prefix}:queues`, queue);
  const reply = await redis.command(
    'FCALL', 'ferry_v1_enqueue', keys.length, ...keys,
    producer, sequence, ...noBounds,
    indexOfStream, delayMs, normal, envelope,
  );
  console.log(JSON.stringify(reply));
  process.exitCode = readEnqueueReply(reply).word === 'OK' ? 0 : 1;
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  redis.close();
}
