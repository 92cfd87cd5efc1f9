// Envelopes as core/PROTOCOL.md describes them, written from that page alone.
import zlib from 'node:zlib';
import { decode, encode } from '@msgpack/msgpack';
import { openPayload } from './sealed.mjs';

export const FLAG = { zstd: 1, ownIds: 2, bundle: 4, opaque: 8, sealed: 16 };

/// Node learned zstd in 22.15 and 23.8.
export const hasZstd = typeof zlib.zstdDecompressSync === 'function';

export function idToText(bytes) {
  const hex = Buffer.from(bytes).toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function idAfter(first, offset) {
  const number = BigInt('0x' + Buffer.from(first).toString('hex')) + BigInt(offset);
  return Buffer.from(number.toString(16).padStart(32, '0'), 'hex');
}

/// Returns {flags, count, firstId, jobs, death, opaque}; throws on bytes that are no envelope, and on
/// payloads that do not open. `sealing`: the queue and the keys by their ids, if any job is sealed.
export function decodeEnvelope(bytes, sealing) {
  const [version, flags, count, firstId, stored, death] = decode(bytes);
  if (version !== 1) throw new Error(`version ${version} is not known here`);
  if (flags > 31) throw new Error(`flags ${flags} are not known here`);
  const head = { flags, count, firstId: idToText(firstId) };
  if (death) head.death = { reason: death[0], died_at_ms: death[1], deliveries: death[2] };
  if (flags & FLAG.opaque) return { ...head, jobs: [], opaque: Buffer.from(stored) };

  const body = decode(flags & FLAG.zstd ? zlib.zstdDecompressSync(stored) : stored);
  const jobs =
    flags & FLAG.bundle
      ? body.flatMap((part) => decodeEnvelope(part, sealing).jobs)
      : decodeJobs(body, flags, firstId, sealing);
  if (jobs.length !== count) throw new Error(`the head says ${count} jobs, found ${jobs.length}`);
  return { ...head, jobs };
}

function decodeJobs([baseUs, kinds, stored], flags, firstId, sealing) {
  return stored.map(([kindIndex, offsetUs, payload, extras = {}], position) => {
    const id = idToText(flags & FLAG.ownIds ? extras[0] : idAfter(firstId, position));
    const kind = kinds[kindIndex];
    const plain = extras[8] ? opened(payload, extras[8], { id, kind }, sealing) : payload;
    const enqueued_us = baseUs + offsetUs;
    return { id, kind, enqueued_us, payload: decode(plain), extras: namedExtras(extras) };
  });
}

function opened(payload, keyId, job, { queue, keys }) {
  return openPayload(keys[keyId], { ...job, queue }, Buffer.from(payload));
}

const extraNames = {
  1: 'expires_at_ms',
  2: 'attempts',
  3: 'max_attempts',
  4: 'traceparent',
  5: 'batch_key',
  6: 'last_reason',
  7: 'headers',
  8: 'key_id',
  9: 'latency_budget_ms',
};

function namedExtras(extras) {
  const known = Object.entries(extras).filter(([key]) => key in extraNames);
  return Object.fromEntries(known.map(([key, value]) => [extraNames[key], value]));
}

/// A UUIDv7 whose low bits leave room for the ids of the jobs behind the first.
export function newId(nowMs = Date.now()) {
  const id = crypto.getRandomValues(new Uint8Array(16));
  Buffer.from(id.buffer).writeUIntBE(nowMs, 0, 6);
  id[6] = 0x70 | (id[6] & 0x0f);
  id[8] = 0x80 | (id[8] & 0x1f);
  return id;
}

/// One envelope of fresh jobs of one kind; payloads are encoded here.
export function encodeEnvelope(kind, payloads, nowMs = Date.now()) {
  const jobs = payloads.map((payload) => [0, 0, encode(payload)]);
  const body = encode([nowMs * 1000, [kind], jobs]);
  return Buffer.from(encode([1, 0, jobs.length, newId(nowMs), body]));
}
