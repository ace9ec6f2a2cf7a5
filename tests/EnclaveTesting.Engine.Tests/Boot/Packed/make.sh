#!/bin/sh
# Packs the sample with the tools that builders of kernels and ramdisks use (Debian 12: gzip bzip2 xz-utils zstd lz4 lzop), with the
# options of Linux's scripts/Makefile.lib where they matter. The tests compare what the loader makes of each with the sample.
set -eu
cd "$(dirname "$0")"
# Machine code with calls (for the filter of xz), text, and a long run of zeroes.
{ tail -c +8193 ../../../../guest/linux/bin/enclave-app | head -c 20480; head -c 70000 /dev/zero; cat make.sh; } > sample
gzip -9n < sample > sample.gz
bzip2 -9 < sample > sample.bz2
xz --format=lzma -9 < sample > sample.lzma
xz --check=crc32 --x86 --lzma2=dict=32MiB < sample > sample.x86.xz
xz < sample > sample.xz
zstd -q -22 --ultra < sample > sample.zst
lz4 -q -l -9 < sample > sample.lz4
lzop -9 < sample > sample.lzo
