#!/bin/sh
# Verifies an attestation document with openssl alone: the certificates up to a root, and the signature (ES384) over the document.
#   verify-attestation.sh DOCUMENT ROOT.pem [UNIX-TIME]
# Prints the registers that are not zero, user_data and nonce, then "verified". Needs openssl, od and awk. UNIX-TIME is when the certificates
# have to be valid: now, unless given.
set -eu
[ $# -ge 2 ] || { echo "usage: $0 DOCUMENT ROOT.pem [UNIX-TIME]" >&2; exit 2; }
root=$2
time=${3:-$(date +%s)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Hexadecimal on standard input to bytes.
bytes() { printf '%b' "$(awk '{ for (i = 1; i < length($0); i += 2)
    printf "\\0%03o", (index("0123456789abcdef", substr($0, i, 1)) - 1) * 16 + index("0123456789abcdef", substr($0, i + 1, 1)) - 1 }')"; }

# Takes the document apart: lines "name hex". COSE_Sign1 (RFC 9052, 4.2), tagged or not: [ header, {}, payload, signature ].
od -An -v -tx1 "$1" | tr -d ' \n' | awk '
function fail(what) { print "not an attestation document: " what > "/dev/stderr"; exit 1 }
function number(text,   i, value) { for (i = 1; i <= length(text); i++) value = value * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1; return value + 0 }
function take(count,   text) { if (at + 2 * count - 1 > length(data)) fail("it is cut off"); text = substr(data, at, 2 * count); at += 2 * count; return text }
# The head of an item (RFC 8949, 3): its major type; size is its length, count or value, -1 if it is indefinite.
function head(   first, low) {
    first = number(take(1)); low = first % 32
    if (low < 24) size = low; else if (low < 28) size = number(take(low == 24 ? 1 : low == 25 ? 2 : low == 26 ? 4 : 8)); else if (low == 31) size = -1; else fail("a reserved length")
    return int(first / 32)
}
function string(type) { if (head() != type || size < 0) fail("a string is missing"); return take(size) }
function more(count, done) { if (count >= 0) return done < count; if (substr(data, at, 2) != "ff") return 1; at += 2; return 0 }
function ascii(text,   i, out) { for (i = 1; i < length(text); i += 2) out = out sprintf("%c", number(substr(text, i, 2))); return out }
function member(name,   count, i, key) {
    if (name == "pcrs") {
        if (head() != 5) fail("pcrs is no map")
        for (count = size; more(count, i); i++) { if (head() != 0) fail("a register has no number"); key = size; print "pcr" key, string(2) }
    } else if (name == "cabundle") {
        if (head() != 4) fail("cabundle is no list")
        for (count = size; more(count, i); i++) print "cabundle", string(2)
    } else if (substr(data, at, 2) == "f6") {
        take(1)
    } else {
        key = head()
        if (key == 0) printf "%s %.0f\n", name, size; else if (key == 2 || key == 3) print name, take(size); else fail(name " has another type")
    }
}
{
    data = $0; at = 1
    if (substr(data, 1, 2) == "d2") at = 3
    if (head() != 4 || size != 4) fail("no list of four")
    print "header", string(2)
    if (head() != 5 || size != 0) fail("the unprotected header is not empty")
    payload = string(2); print "payload", payload
    print "signature", string(2)
    if (at <= length(data)) fail("something follows it")
    data = payload; at = 1
    if (head() != 5) fail("the payload is no map")
    for (members = size; more(members, k); k++) member(ascii(string(3)))
}' > "$work/parts"

part() { awk -v name="$1" '$1 == name { print $2 }' "$work/parts"; }
[ "$(part header)" = a1013822 ] || { echo "the algorithm is not ES384" >&2; exit 1; }
signature=$(part signature)
[ ${#signature} = 192 ] || { echo "the signature has not 96 bytes" >&2; exit 1; }

# The chain. The bundle begins with the root, which has to be the one that is trusted.
number=0
for certificate in $(part cabundle); do
    echo "$certificate" | bytes | openssl x509 -inform DER -out "$work/ca$number.pem"
    number=$((number + 1))
done
openssl x509 -in "$root" -outform DER -out "$work/root.der"
awk '$1 == "cabundle" { print $2; exit }' "$work/parts" | bytes | cmp -s - "$work/root.der" || { echo "the bundle does not begin with the trusted root" >&2; exit 1; }
rm "$work/ca0.pem"
cat "$work"/ca*.pem > "$work/bundle.pem"
part certificate | bytes | openssl x509 -inform DER -out "$work/enclave.pem"
openssl verify -attime "$time" -CAfile "$root" -no-CApath -no-CAstore -untrusted "$work/bundle.pem" "$work/enclave.pem" > "$work/verified" 2>&1 || { cat "$work/verified" >&2; exit 1; }

# The signature, over Sig_structure (RFC 9052, 4.4); openssl wants r and s in DER.
payload=$(part payload)
{ printf '846a5369676e61747572653144a10138224059%04x' $((${#payload} / 2)); echo "$payload"; } | bytes > "$work/message"
echo "$signature" | awk '
function integer(hex) { while (length(hex) > 2 && substr(hex, 1, 2) == "00") hex = substr(hex, 3)
    if (substr(hex, 1, 1) ~ /[89a-f]/) hex = "00" hex
    return sprintf("02%02x%s", length(hex) / 2, hex) }
{ body = integer(substr($0, 1, 96)) integer(substr($0, 97)); printf "30%02x%s\n", length(body) / 2, body }' | bytes > "$work/signature"
openssl x509 -in "$work/enclave.pem" -pubkey -noout > "$work/key.pem"
openssl dgst -sha384 -verify "$work/key.pem" -signature "$work/signature" "$work/message" > /dev/null || { echo "the signature is wrong" >&2; exit 1; }

awk '/^pcr/ && $2 !~ /^0+$/ { print } /^(timestamp|user_data|nonce|public_key) / { print }' "$work/parts"
echo verified
