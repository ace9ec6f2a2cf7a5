#!/bin/sh
# Builds the guest kernel from Debian's linux-source-6.12 package: tinyconfig, kernel.config, bzImage. Same source, compiler and
# fragment: same bytes.
#   build.sh           build; writes ../linux/bin/bzImage and SHA256SUMS
#   build.sh --check   build and compare with ../linux/bin/SHA256SUMS
# SOURCE=FILE.tar.xz takes the source from a file; else the package is fetched with apt-get and kept in ../.build.
# Needs gcc, make, flex, bison, bc, libelf-dev, lz4, xz-utils, kmod, perl, and for --check the compiler named in PROVENANCE.
set -eu
cd "$(dirname "$0")"
here=$PWD
bin=$here/../linux/bin
package=linux-source-6.12
version=6.12.117-1~deb12u1
source_sha256=585a4a074597aefa2b1a68ada83a3184ba351c127544dea80618bbcceaa3961f

check=no
case "${1:-}" in
    "") ;;
    --check) check=yes ;;
    *) echo "usage: build.sh [--check]" >&2; exit 2 ;;
esac

# Nothing of the machine, the user or the day gets into the kernel.
export LC_ALL=C TZ=UTC
export SOURCE_DATE_EPOCH=1767225600
export KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 2026' KBUILD_BUILD_VERSION=1
export KBUILD_BUILD_USER=enclave KBUILD_BUILD_HOST=testing

work=$here/../.build/kernel
mkdir -p "$work" "$bin"
work=$(cd "$work" && pwd)

if [ -z "${SOURCE:-}" ]; then
    SOURCE=$work/usr/src/$package.tar.xz
    if [ ! -f "$SOURCE" ]; then
        (cd "$work" && apt-get download "$package=$version" && dpkg -x "${package}_${version}_all.deb" . && rm -f "$package"_*.deb)
    fi
fi
echo "$source_sha256  $SOURCE" | sha256sum --quiet -c -

rm -rf "$work/source" "$work/out"
mkdir "$work/source" "$work/out"
tar -xf "$SOURCE" -C "$work/source" --strip-components=1

make="make -s -C $work/source O=$work/out"
$make tinyconfig
(cd "$work/out" && "$work/source/scripts/kconfig/merge_config.sh" -m .config "$here/kernel.config") > "$work/merge.log"
$make olddefconfig

# Kconfig drops silently what cannot be had.
missing=no
while read -r line; do
    case $line in
        CONFIG_*=n) ! grep -q "^${line%=n}=" "$work/out/.config" || { echo "not off: $line" >&2; missing=yes; } ;;
        CONFIG_*) grep -qxF "$line" "$work/out/.config" || { echo "not set: $line" >&2; missing=yes; } ;;
    esac
done < kernel.config
[ "$missing" = no ]

$make -j "$(nproc)" bzImage
built=$work/out/arch/x86/boot/bzImage
size=$(wc -c < "$built")
[ "$size" -lt 4194304 ] || { echo "bzImage has $size bytes; less than 4 MiB was wanted" >&2; exit 1; }

if [ "$check" = yes ]; then
    expected=$(sed -n 's/  bzImage$//p' "$bin/SHA256SUMS")
    seen=$(sha256sum < "$built" | cut -d ' ' -f 1)
    [ "$expected" = "$seen" ] || { echo "bzImage: expected $expected, built $seen with $(gcc --version | head -n 1)" >&2; exit 1; }
    echo "bin/bzImage is what the source gives"
    exit 0
fi

cp "$built" "$bin/bzImage"
chmod 644 "$bin/bzImage"
(cd "$bin" && sha256sum -- bzImage enclave-app init > SHA256SUMS)
echo "bzImage built; bring bin/PROVENANCE up to date if source or compiler changed"
