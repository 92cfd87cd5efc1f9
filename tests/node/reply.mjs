// Reads what the functions reply, as core/PROTOCOL.md describes it: elements behind those that are
// known are passed over, and a word that is not known is an error of that call, never taken for OK.

const numbersBehind = { OK: 3, DUP: 3, GAP: 1, FULL: 4 };

/// Returns {word, depthJobs, depthBytes, oldestAgeMs, retryAfterMs} or {word, last}; throws on
/// anything else.
export function readEnqueueReply(reply) {
  const word = Array.isArray(reply) ? reply[0] : reply;
  const count = Object.hasOwn(numbersBehind, word) ? numbersBehind[word] : undefined;
  const numbers = Array.isArray(reply) ? reply.slice(1, 1 + (count ?? 0)) : [];
  if (count === undefined || numbers.length < count || !numbers.every(Number.isInteger)) {
    const shown = JSON.stringify(word ?? null).slice(0, 34);
    throw new Error(
      `ferry_v1_enqueue answered ${shown}, which this producer does not know; nothing is known of ` +
      'its jobs: update this program, or see `ferry doctor`',
    );
  }
  if (word === 'GAP') return { word, last: numbers[0] };
  const [depthJobs, depthBytes, oldestAgeMs, retryAfterMs] = numbers;
  return { word, depthJobs, depthBytes, oldestAgeMs, retryAfterMs };
}
