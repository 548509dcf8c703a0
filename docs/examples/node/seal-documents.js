// Seals files with SealService from Node.js: one bulk stream, a full receipt for each, its checkpoint's signature verified with the ledger's key.
//
//   npm ci && node seal-documents.js 127.0.0.1:7070 "$(cat LEDGER.vkey)" FILE...
'use strict';
const { createHash, createPublicKey, randomUUID, verify } = require('node:crypto');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const protoRoot = path.join(__dirname, '../../../proto');
const definition = loader.loadSync('seal/v1/sealing.proto', { includeDirs: [protoRoot], keepCase: true, longs: Number, enums: String, oneofs: true, defaults: true });
const { Sealing } = grpc.loadPackageDefinition(definition).seal.v1;

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();

// RFC 9162 section 2.1.3.2: the root hash that an inclusion proof leads to.
function rootOfProof(leaf, index, size, proof) {
  let [fn, sn, r] = [index, size - 1, leaf];
  for (const p of proof) {
    if (sn === 0) throw new Error('the proof is too long');
    if (fn % 2 === 1 || fn === sn) {
      r = sha256(Buffer.of(1), p, r);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn / 2, Math.floor(sn / 2)];
    } else {
      r = sha256(Buffer.of(1), r, p);
    }
    [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
  }
  if (sn !== 0) throw new Error('the proof is too short');
  return r;
}

// A C2SP signed note: text, a blank line, signature lines. The vkey is name+keyid+base64(type || key).
function checkNote(note, vkey) {
  const [name, id, ...key] = vkey.trim().split('+');
  const keyBytes = Buffer.from(key.join('+'), 'base64');
  if (keyBytes[0] !== 1) throw new Error('this example verifies Ed25519 keys only');
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), keyBytes.subarray(1)]);
  const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  const split = note.lastIndexOf('\n\n');
  const text = note.slice(0, split + 1);
  for (const line of note.slice(split + 2).trimEnd().split('\n')) {
    const [, signer, blob] = line.split(' ');
    const bytes = Buffer.from(blob, 'base64');
    if (signer === name && bytes.subarray(0, 4).toString('hex') === id) {
      if (!verify(null, Buffer.from(text), publicKey, bytes.subarray(4))) throw new Error('the signature is wrong');
      return text;
    }
  }
  throw new Error(`no signature by ${name}`);
}

function check(file, receipt, vkey) {
  const [, size, root] = checkNote(receipt.checkpoint.toString(), vkey).split('\n');
  const leaf = sha256(Buffer.of(0), receipt.entry);
  if (!rootOfProof(leaf, receipt.index, Number(size), receipt.inclusion_proof).equals(Buffer.from(root, 'base64'))) {
    throw new Error(`${file}: the proof does not lead to the signed root`);
  }
  if (!receipt.entry.includes(sha256(readFileSync(file)))) {
    throw new Error(`${file}: the entry is for another document`);
  }
}

const [server, vkey, ...files] = process.argv.slice(2);
const client = new Sealing(server, grpc.credentials.createInsecure());
const call = client.SealDocuments({ deadline: Date.now() + 60_000 });
const run = randomUUID();
call.on('data', (answer) => {
  if (answer.answer === 'sealed') {
    const { ref, receipt } = answer.sealed;
    check(files[ref], receipt, vkey);
    console.log(`${files[ref]}: entry ${receipt.index}`);
  } else {
    process.exitCode = 1;
    console.error(`${files[answer.failed.ref]}: not sealed: ${answer.failed.message}`);
  }
});
call.on('error', (error) => {
  process.exitCode = 3;
  console.error(`${error.code} ${error.details}`);
});
call.on('end', () => client.close());

call.write({ options: { receipt_form: 'RECEIPT_FORM_FULL' } });
files.forEach((file, ref) => {
  // Small files go whole, in one message; see the Python example for large ones.
  call.write({ ref, whole: { header: { idempotency_key: `${run}/${ref}` }, content: readFileSync(file) } });
});
call.end();
