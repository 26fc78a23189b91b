// SHA-256 in hex. Browsers offer their own only in secure contexts, which http://192.168.… is not.
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

export async function sha256Hex(bytes: ArrayBuffer): Promise<string> {
  const native: SubtleCrypto | undefined = globalThis.crypto?.subtle;
  if (!native) return bytesToHex(sha256(new Uint8Array(bytes)));
  return bytesToHex(new Uint8Array(await native.digest('SHA-256', bytes)));
}
