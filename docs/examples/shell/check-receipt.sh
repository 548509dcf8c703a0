#!/usr/bin/env bash
# Checks a document against its receipt with standard tools only: bash, coreutils, xxd and openssl (3.0 or later).
# docs/receipts.md explains each step.
#
#   check-receipt.sh DOCUMENT RECEIPT.tlog-proof LEDGER.vkey
set -euo pipefail
[ $# -eq 3 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
document=$1 receipt=$2 vkey=$(cat "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { printf 'NOT VALID: %s\n' "$*"; exit 1; }
sha256_hex() { openssl dgst -sha256 -binary | xxd -p -c 64; }
b64_hex() { base64 -d | xxd -p -c 256; }

# 1. The receipt: a version line, the entry, its index, the proof's hashes, a blank line, and the checkpoint.
[ "$(head -n 1 "$receipt")" = "c2sp.org/tlog-proof@v1" ] || fail "not a c2sp.org/tlog-proof@v1 file"
sed -n 's/^extra //p' "$receipt" | head -n 1 | base64 -d > "$work/entry"
index=$(sed -n 's/^index //p' "$receipt" | head -n 1)
sed -n '/^index /,/^$/p' "$receipt" | sed '1d;$d' > "$work/proof"
sed '1,/^$/d' "$receipt" > "$work/checkpoint"

# 2. The checkpoint is signed by the ledger's key. The key is name+id+base64(0x01 || Ed25519 public key).
name=${vkey%%+*} rest=${vkey#*+}
id=${rest%%+*} key=$(printf '%s' "${rest#*+}" | b64_hex)
[ "${key:0:2}" = 01 ] || fail "this script knows Ed25519 keys only"
printf '302a300506032b6570032100%s' "${key:2}" | xxd -r -p > "$work/key.der"
sed '/^$/,$d' "$work/checkpoint" > "$work/text"
line=$(grep -F -- "— $name " "$work/checkpoint") || fail "the checkpoint has no signature by $name"
blob=$(printf '%s' "${line##* }" | b64_hex)
[ "${blob:0:8}" = "$id" ] || fail "the signature is by another key of $name"
printf '%s' "${blob:8}" | xxd -r -p > "$work/signature"
openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/key.der" -rawin -in "$work/text" -sigfile "$work/signature" > /dev/null 2>&1 \
    || fail "the checkpoint's signature is wrong"
origin=$(sed -n 1p "$work/text") size=$(sed -n 2p "$work/text") root=$(sed -n 3p "$work/text" | b64_hex)

# 3. The entry names the document's digest: protobuf field 5, 32 bytes (tag 0x2a, length 0x20).
digest=$(openssl dgst -sha256 -binary "$document" | xxd -p -c 64)
xxd -p "$work/entry" | tr -d '\n' | grep -q "2a20$digest" || fail "the entry is for another document"

# 4. The proof leads from the entry to the signed root (RFC 9162 section 2.1.3.2).
r=$({ printf '\0'; cat "$work/entry"; } | sha256_hex)
[ "$index" -lt "$size" ] || fail "the index is not below the tree's size"
fn=$index sn=$((size - 1))
while read -r hash; do
    p=$(printf '%s' "$hash" | b64_hex)
    [ "$sn" -ne 0 ] || fail "the proof is too long"
    if [ $((fn & 1)) = 1 ] || [ "$fn" = "$sn" ]; then
        r=$(printf '01%s%s' "$p" "$r" | xxd -r -p | sha256_hex)
        while [ $((fn & 1)) = 0 ] && [ "$fn" -ne 0 ]; do fn=$((fn >> 1)) sn=$((sn >> 1)); done
    else
        r=$(printf '01%s%s' "$r" "$p" | xxd -r -p | sha256_hex)
    fi
    fn=$((fn >> 1)) sn=$((sn >> 1))
done < "$work/proof"
[ "$sn" = 0 ] || fail "the proof is too short"
[ "$r" = "$root" ] || fail "the proof does not lead to the signed root"

printf 'VALID: %s is entry %s of %s (%s entries signed)\n' "$document" "$index" "$origin" "$size"
