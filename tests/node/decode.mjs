// Decodes the golden vectors with a stock msgpack package and compares them with vectors.json.
//   node decode.mjs <folder of the vectors>
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeEnvelope, encodeEnvelope, hasZstd } from './envelope.mjs';
import { hchacha20 } from './sealed.mjs';

const folder = process.argv[2];
if (!folder) {
  console.error('usage: node decode.mjs <folder of the vectors>');
  process.exit(2);
}

const bytesOf = (file) =>
  Buffer.from(readFileSync(join(folder, file), 'utf8').replace(/\s/g, ''), 'hex');

const { vectors } = JSON.parse(readFileSync(join(folder, 'vectors.json'), 'utf8'));

let checked = 0;
const skipped = [];
for (const vector of vectors) {
  if (vector.needs_zstd && !hasZstd) {
    skipped.push(vector.file);
    continue;
  }
  const keys = vector.sealing && { [vector.sealing.key_id]: Buffer.from(vector.sealing.key, 'hex') };
  const found = decodeEnvelope(bytesOf(vector.file), { queue: vector.sealing?.queue, keys });
  assert.equal(found.flags, vector.flags, vector.file);
  assert.equal(found.count, vector.count, vector.file);
  assert.equal(found.firstId, vector.first_id, vector.file);
  assert.deepEqual(found.death, vector.death, vector.file);
  assert.equal(found.opaque?.toString('hex'), vector.opaque, vector.file);
  const wanted = (vector.jobs ?? []).map((job) => ({ extras: {}, ...job }));
  assert.deepEqual(found.jobs, wanted, vector.file);
  ++checked;
}

// Source: draft-irtf-cfrg-xchacha-03, section 2.2.1.
const countingKey = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
assert.equal(
  hchacha20(countingKey, Buffer.from('000000090000004a0000000031415927', 'hex')).toString('hex'),
  '82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc',
);

// What this side writes, this side reads; that Ferry reads it too is tested with enqueue.mjs.
const written = decodeEnvelope(encodeEnvelope('index_file', [{ path: 'a' }, { path: 'b' }]));
assert.deepEqual(written.jobs.map((job) => job.payload.path), ['a', 'b']);

for (const file of skipped) {
  console.log(`SKIPPED ${file}: this node (${process.version}) has no zstd; 22.15 and later have`);
}
assert.ok(checked >= 8, `only ${checked} vectors were checked`);
console.log(`${checked} of ${vectors.length} vectors hold what vectors.json says`);
