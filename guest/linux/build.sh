#!/bin/sh
# Builds init and enclave-app into bin/, with gcc, binutils and musl (Debian: musl-tools). Same sources, compiler and musl: same
# bytes. The kernel beside them is built by ../kernel/build.sh.
#   build.sh           build, write bin/SHA256SUMS
#   build.sh --check   build elsewhere and compare with bin/SHA256SUMS
set -eu
cd "$(dirname "$0")/.."
. ./build-options.sh

out=linux/bin
[ "$check" = no ] || out=$work/bin
mkdir -p "$out"

# No build ids, paths or dates. The kernel's own headers (linux/vm_sockets.h) come after musl's.
flags="-std=gnu17 -Os -march=x86-64 -static -fno-pie -no-pie -fno-ident -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections
 -ffile-prefix-map=$PWD=. -Wall -Wextra -Werror -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,noexecstack -s
 -idirafter /usr/include -idirafter /usr/include/$(gcc -print-multiarch)"

# shellcheck disable=SC2086
musl-gcc $flags -o "$out/init" init/init.c
# shellcheck disable=SC2086
musl-gcc $flags -o "$out/enclave-app" apps/*.c
chmod 755 "$out/init" "$out/enclave-app"

if [ "$check" = yes ]; then
    grep -v '  bzImage$' linux/bin/SHA256SUMS > "$work/wanted"
    (cd "$out" && sha256sum -- enclave-app init) > "$work/sums"
    if cmp -s "$work/sums" "$work/wanted" && (cd linux/bin && sha256sum --quiet -c SHA256SUMS); then
        echo "linux/bin is what the sources give"
    else
        echo "linux/bin differs from what the sources give with $(gcc --version | head -n 1):" >&2
        diff "$work/wanted" "$work/sums" >&2 || true
        exit 1
    fi
else
    (cd "$out" && sha256sum -- bzImage enclave-app init > SHA256SUMS)
fi
