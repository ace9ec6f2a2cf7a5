#!/usr/bin/env bash
# Fetches what tests boot besides our own guests, from the suites of the machine's own apt (Debian 12), into a directory:
#   guest/distribution/fetch.sh artifacts/distribution
#   ENCLAVE_TEST_DISTRIBUTION=$PWD/artifacts/distribution dotnet test tests/EnclaveTesting.Engine.Tests --filter Distribution
# Nothing is installed. Run apt-get update before, as root.
set -euo pipefail

[ $# = 1 ] || { echo "usage: fetch.sh DIRECTORY" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"

# Unpacks packages into a directory.
unpack() {
    local target=$1
    shift
    mkdir -p "$work/debs" "$target"
    (cd "$work/debs" && rm -f -- *.deb && apt-get download -q -- "$@" > "$work/log" 2>&1) || { cat "$work/log" >&2; exit 1; }
    for package in "$work"/debs/*.deb; do
        dpkg -x "$package" "$target"
    done
}

# kernels/VERSION: vmlinuz, the modules that an enclave needs, and load, which names them in the order in which to load them.
kernel() {
    local version=$1 pattern=$2
    local package release modules
    package=$(apt-cache search --names-only "$pattern" | cut -d ' ' -f 1 | sort -V | tail -n 1)
    [ -n "$package" ] || { echo "apt knows no kernel $pattern" >&2; exit 1; }
    release=${package#linux-image-}
    unpack "$work/$version" "$package"
    modules=$work/$version/lib/modules/$release/kernel
    rm -rf "${out:?}/kernels/$version"
    mkdir -p "$out/kernels/$version"
    cp "$work/$version/boot/vmlinuz-$release" "$out/kernels/$version/vmlinuz"
    # Each after those that it needs; what a kernel has built in, or has not at all, is not there.
    for module in drivers/virtio/virtio_ring drivers/virtio/virtio drivers/virtio/virtio_mmio net/vmw_vsock/vsock \
        net/vmw_vsock/vmw_vsock_virtio_transport_common net/vmw_vsock/vmw_vsock_virtio_transport drivers/misc/nsm; do
        for file in "$modules/$module.ko" "$modules/$module.ko.xz"; do
            if [ -f "$file" ]; then
                cp "$file" "$out/kernels/$version/"
                basename "$file" >> "$out/kernels/$version/load"
            fi
        done
    done
    echo "kernels/$version: $release"
}

kernel 6.1 '^linux-image-6\.1\.[0-9-]+-cloud-amd64$'
kernel 6.12 '^linux-image-6\.12\.[0-9]+\+deb12-cloud-amd64$'

# Copies files of an unpacked tree, the libraries that they need, and the loader, into a root file system.
install_with_libraries() {
    local tree=$1 root=$2 library
    shift 2
    mkdir -p "$root/lib64" "$root/lib/x86_64-linux-gnu"
    cp -L "$tree/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" "$root/lib64/"
    for file in "$@"; do
        if [ ! -e "$root/$file" ]; then
            mkdir -p "$root/$(dirname "$file")"
            cp "$tree/$file" "$root/$file"
        fi
        "$tree/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" --library-path "$tree/lib/x86_64-linux-gnu:$tree/usr/lib/x86_64-linux-gnu" --list "$root/$file" |
            sed -n 's/.* => \(.*\) (0x.*/\1/p' | while read -r library; do
                cp -Ln "$library" "$root/lib/x86_64-linux-gnu/"
            done
    done
}

# userlands/NAME: root file systems that answer on port 5001.
userlands=$out/userlands
rm -rf "$userlands"
tree=$work/userland
unpack "$tree" libc6 libgcc-s1 libstdc++6 zlib1g libexpat1 busybox-static openssl libssl3 socat libwrap0 libnsl2 libtirpc3 \
    libgssapi-krb5-2 libkrb5-3 libk5crypto3 libcom-err2 libkrb5support0 libkeyutils1 python3.11-minimal libpython3.11-minimal libpython3.11-stdlib

install_with_libraries "$tree" "$userlands/busybox" usr/bin/socat
install -D "$tree/bin/busybox" "$userlands/busybox/bin/busybox"
install -D -m 644 "$here/answer.sh" "$userlands/busybox/answer.sh"
install_with_libraries "$tree" "$userlands/glibc" usr/bin/socat usr/bin/openssl
install_with_libraries "$tree" "$userlands/python" usr/bin/python3.11
mkdir -p "$userlands/python/usr/lib"
cp -r "$tree/usr/lib/python3.11" "$userlands/python/usr/lib/"
install -D -m 644 "$here/answer.py" "$userlands/python/answer.py"
echo "userlands/busybox, glibc, python: $(ls "$work"/debs | sed -n 's/^\(busybox-static\|libc6\|openssl\|socat\|python3.11-minimal\)_\([^_]*\)_.*/\1 \2/p' | paste -sd ,)"

# A .NET application with its runtime, as dotnet publish makes it.
dotnet publish "$here/dotnet" -c Release -o "$userlands/dotnet/app" --artifacts-path "$work/artifacts" -v quiet --nologo
rm -f "$userlands/dotnet/app/libcoreclrtraceptprovider.so" # for a tracer that is not there
mapfile -t native < <(cd "$userlands/dotnet" && ls app/answer app/*.so)
install_with_libraries "$tree" "$userlands/dotnet" "${native[@]}"
echo "userlands/dotnet: $(du -sh "$userlands/dotnet" | cut -f 1)"
