// What a producer in another language makes of replies of today and of later versions.
//   node reply_test.mjs
import assert from 'node:assert/strict';
import { readEnqueueReply } from './reply.mjs';

const stored = { depthJobs: 1, depthBytes: 2, oldestAgeMs: 3, retryAfterMs: undefined };
const understood = [
  [['OK', 1, 2, 3], { word: 'OK', ...stored }],
  [['OK', 1, 2, 3, 'index_file=20 send_mail=2', [7]], { word: 'OK', ...stored }],
  [['DUP', 1, 2, 3], { word: 'DUP', ...stored }],
  [['FULL', 1, 2, 3, 4], { word: 'FULL', ...stored, retryAfterMs: 4 }],
  [['FULL', 1, 2, 3, 4, 'index_file=20'], { word: 'FULL', ...stored, retryAfterMs: 4 }],
  [['GAP', 5], { word: 'GAP', last: 5 }],
  [['GAP', 5, 'further'], { word: 'GAP', last: 5 }],
];
for (const [reply, meaning] of understood) {
  assert.deepEqual(readEnqueueReply(reply), meaning, JSON.stringify(reply));
}

const unknown = [
  ['ROUTE', 5], ['ROUTE', 1, 2, 3, 4], 'ROUTE', 'OK', ['ok', 1, 2, 3], ['OK'], ['OK', 1, 2],
  ['OK', '1', '2', '3'], ['FULL', 1, 2, 3], ['GAP'], [], null, 5, [null, 1, 2, 3],
  ['toString', 1, 2, 3], ['constructor', 1],
];
for (const reply of unknown) {
  assert.throws(() => readEnqueueReply(reply), /ferry_v1_enqueue answered/, JSON.stringify(reply));
}
console.log(`${understood.length} replies are understood, ${unknown.length} are refused`);
