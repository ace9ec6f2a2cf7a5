#!/bin/sh
# Builds bin/grpc-echo, static, with gcc and nghttp2 (Debian: gcc, libc6-dev, libnghttp2-dev). Same sources and packages: same bytes.
#   build.sh           build, write bin/SHA256SUMS
#   build.sh --check   build elsewhere and compare
set -eu
cd "$(dirname "$0")"
. ../build-options.sh
gcc -std=gnu17 -Os -march=x86-64 -static -fno-pie -no-pie -fno-ident -ffunction-sections -fdata-sections "-ffile-prefix-map=$PWD=." \
    -Wall -Wextra -Werror -Wl,--gc-sections -Wl,--build-id=none -s -o "$work/grpc-echo" server.c -lnghttp2
if [ "$check" = yes ]; then
    (cd "$work" && sha256sum -- grpc-echo) | diff - bin/SHA256SUMS && echo "bin is what the source gives"
else
    mkdir -p bin
    mv "$work/grpc-echo" bin/grpc-echo
    (cd bin && sha256sum -- grpc-echo > SHA256SUMS)
fi
