#!/usr/bin/env bash
# The software CPU and QEMU's TCG, in turns on this machine: boots of the guest kit (and of kernels that guest/distribution/fetch.sh has
# fetched) to the line before the first process, then the speed by kind of work of one program on both.
# usage: bench/compare-tcg.sh [RUNS [KERNEL_DIRECTORY...]]      such as: bench/compare-tcg.sh 9 artifacts/distribution/kernels/6.12
# needs: apt-get install -y --no-install-recommends qemu-system-x86
set -euo pipefail
command -v qemu-system-x86_64 >/dev/null || { echo "qemu-system-x86_64 is missing: apt-get install -y --no-install-recommends qemu-system-x86" >&2; exit 1; }
runs=${1:-9}
kernels=()
for kernel in "${@:2}"; do
    kernels+=("$(cd "$kernel" && pwd)")
done
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
# The tool as it is released: compiled ahead of time for this machine.
dotnet publish src/EnclaveTesting.Cli -c Release -r linux-x64 --self-contained false -o "$out/tool" -v q -nologo >/dev/null
dotnet build bench/EnclaveTesting.Benchmarks -c Release -o "$out/bench" -v q -nologo >/dev/null
qemu-system-x86_64 --version | head -n 1
uptime
"$out/bench/EnclaveTesting.Benchmarks" tcg "$runs" "$out/tool/enclave.dll" "${kernels[@]}"
uptime
