#!/usr/bin/env bash
# Fetches what tests boot besides our own guests, from the suites of the machine's own apt (Debian 12), into a directory:
#   guest/distribution/fetch.sh artifacts/distribution
#   ENCLAVE_TEST_DISTRIBUTION=$PWD/artifacts/distribution dotnet test tests/EnclaveTesting.Engine.Tests --filter Distribution
# Nothing is installed. Run apt-get update before, as root.
set -euo pipefail

[ $# = 1 ] || { echo "usage: fetch.sh DIRECTORY" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
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
