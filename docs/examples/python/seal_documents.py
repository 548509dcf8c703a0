#!/usr/bin/python3
"""Seals files with SealService from Python: one bulk stream, a full receipt for each, checked here with hashlib alone.

    mkdir OUT
    protoc -I proto --python_out=OUT --grpc_python_out=OUT \
        --plugin=protoc-gen-grpc_python=$(command -v grpc_python_plugin) proto/seal/v1/*.proto
    PYTHONPATH=OUT docs/examples/python/seal_documents.py 127.0.0.1:7070 FILE...
"""
import base64
import hashlib
import sys
import uuid

import grpc
from seal.v1 import receipt_pb2, sealing_pb2, sealing_pb2_grpc


def requests(paths, key_prefix):
    yield sealing_pb2.SealDocumentsRequest(
        options=sealing_pb2.StreamOptions(receipt_form=sealing_pb2.RECEIPT_FORM_FULL))
    for ref, path in enumerate(paths):
        # The same key on a second try gives the same receipt, and no second entry.
        header = sealing_pb2.DocumentHeader(idempotency_key=f"{key_prefix}/{ref}")
        with open(path, "rb") as file:
            yield sealing_pb2.SealDocumentsRequest(ref=ref, begin=header)
            while chunk := file.read(64 * 1024):
                yield sealing_pb2.SealDocumentsRequest(ref=ref, chunk=chunk)
            yield sealing_pb2.SealDocumentsRequest(ref=ref, end=sealing_pb2.EndOfDocument())


def root_of_proof(leaf, index, size, path):
    """RFC 9162 section 2.1.3.2: the root hash that an inclusion proof leads to."""
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            raise ValueError("the proof is too long")
        if fn & 1 or fn == sn:
            r = hashlib.sha256(b"\x01" + p + r).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = hashlib.sha256(b"\x01" + r + p).digest()
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise ValueError("the proof is too short")
    return r


def check(path, receipt):
    """Everything but the checkpoint's signature: that takes an Ed25519 library and the ledger's key (docs/receipts.md)."""
    entry = receipt_pb2.LogEntry.FromString(receipt.entry)
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).digest()
    origin, size, root = receipt.checkpoint.decode().split("\n")[:3]
    leaf = hashlib.sha256(b"\x00" + receipt.entry).digest()
    found = root_of_proof(leaf, receipt.index, int(size), receipt.inclusion_proof)
    if entry.digest != digest or found != base64.b64decode(root):
        raise ValueError(f"{path}: the receipt does not prove this document")
    return origin


def main():
    server, paths = sys.argv[1], sys.argv[2:]
    failed = 0
    with grpc.insecure_channel(server) as channel:
        sealing = sealing_pb2_grpc.SealingStub(channel)
        for answer in sealing.SealDocuments(requests(paths, uuid.uuid4()), timeout=60):
            if answer.HasField("sealed"):
                path, receipt = paths[answer.sealed.ref], answer.sealed.receipt
                origin = check(path, receipt)
                print(f"{path}: entry {receipt.index} of {origin}")
            else:
                failed += 1
                print(f"{paths[answer.failed.ref]}: not sealed: {answer.failed.message}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
