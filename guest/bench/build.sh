#!/bin/sh
# Builds mips into bin/, with gcc, binutils and musl (Debian: musl-tools), as ../linux/build.sh builds its programs.
#   build.sh           build, write bin/SHA256SUMS
#   build.sh --check   build elsewhere and compare with bin/SHA256SUMS
set -eu
cd "$(dirname "$0")"
. ../build-options.sh

out=bin
[ "$check" = no ] || out=$work
mkdir -p "$out"
musl-gcc -std=gnu17 -O2 -march=x86-64 -static -fno-pie -no-pie -fno-ident -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections \
    -Wall -Wextra -Werror -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,noexecstack -s \
    -idirafter /usr/include -idirafter "/usr/include/$(gcc -print-multiarch)" -o "$out/mips" mips.c
chmod 755 "$out/mips"
if [ "$check" = yes ]; then
    sums=$PWD/bin/SHA256SUMS
    (cd "$work" && sha256sum --quiet -c "$sums")
    echo "bin/mips is what the source gives"
else
    (cd "$out" && sha256sum -- mips > SHA256SUMS)
fi
