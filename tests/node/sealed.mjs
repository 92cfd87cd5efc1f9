// Opens and seals payloads as core/PROTOCOL.md describes. Node's crypto has ChaCha20-Poly1305 but
// not the X form; what is missing is HChaCha20, which makes a key of its own from key and nonce.
// Source: draft-irtf-cfrg-xchacha-03, sections 2.2 and 2.3.
import crypto from 'node:crypto';

const TAG = 16;
const NONCE = 24;

const rotated = (word, by) => (word << by) | (word >>> (32 - by));

function quarterRound(s, a, b, c, d) {
  s[a] += s[b]; s[d] = rotated(s[d] ^ s[a], 16);
  s[c] += s[d]; s[b] = rotated(s[b] ^ s[c], 12);
  s[a] += s[b]; s[d] = rotated(s[d] ^ s[a], 8);
  s[c] += s[d]; s[b] = rotated(s[b] ^ s[c], 7);
}

export function hchacha20(key, nonce16) {
  const bytes = Buffer.concat([Buffer.from('expand 32-byte k'), key, nonce16]);
  const s = new Uint32Array(16);
  for (let i = 0; i < 16; ++i) s[i] = bytes.readUInt32LE(4 * i);
  for (let round = 0; round < 10; ++round) {
    for (let i = 0; i < 4; ++i) quarterRound(s, i, 4 + i, 8 + i, 12 + i);
    for (let i = 0; i < 4; ++i) {
      quarterRound(s, i, 4 + ((i + 1) % 4), 8 + ((i + 2) % 4), 12 + ((i + 3) % 4));
    }
  }
  const out = Buffer.alloc(32);
  [0, 1, 2, 3, 12, 13, 14, 15].forEach((from, i) => out.writeUInt32LE(s[from], 4 * i));
  return out;
}

function associatedData(id, queue, kind) {
  const named = (name) => [Buffer.from([name.length]), Buffer.from(name)];
  const idBytes = Buffer.from(id.replaceAll('-', ''), 'hex');
  return Buffer.concat([Buffer.from([1]), idBytes, ...named(queue), ...named(kind)]);
}

function cipherOf(make, key, nonce) {
  const inner = Buffer.concat([Buffer.alloc(4), nonce.subarray(16)]);
  const subkey = hchacha20(key, nonce.subarray(0, 16));
  return make('chacha20-poly1305', subkey, inner, { authTagLength: TAG });
}

/// Throws when the bytes are not what the key sealed for that job.
export function openPayload(key, { id, queue, kind }, sealed) {
  const decipher = cipherOf(crypto.createDecipheriv, key, sealed.subarray(0, NONCE));
  decipher.setAAD(associatedData(id, queue, kind));
  decipher.setAuthTag(sealed.subarray(-TAG));
  return Buffer.concat([decipher.update(sealed.subarray(NONCE, -TAG)), decipher.final()]);
}

export function sealPayload(key, { id, queue, kind }, payload, nonce = crypto.randomBytes(NONCE)) {
  const cipher = cipherOf(crypto.createCipheriv, key, nonce);
  cipher.setAAD(associatedData(id, queue, kind));
  const text = Buffer.concat([cipher.update(payload), cipher.final()]);
  return Buffer.concat([nonce, text, cipher.getAuthTag()]);
}
