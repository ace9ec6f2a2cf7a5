#!/usr/bin/env bash
# Packs the bare-metal guest "kms" into kms.eif, which is checked in; the same guest gives the same bytes.
set -euo pipefail
cd "$(dirname "$0")"
ramdisk=$(mktemp)
trap 'rm -f "$ramdisk"' EXIT
head -c 512 /dev/zero > "$ramdisk"
dotnet run --project ../../src/EnclaveTesting.Cli -- build --kernel ../../guest/baremetal/bin/kms.elf --ramdisk "$ramdisk" \
    --cmdline "reboot=k panic=30 console=ttyS0" --memory 64 --cpus 1 --name kms --output kms.eif
