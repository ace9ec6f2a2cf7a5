#!/usr/bin/env bash
# Start to first console line (and heartbeat) of the hello guest on KVM: QEMU's microvm and us, in turns.
# usage: [NATIVE=1] bench/compare-qemu.sh [RUNS]      NATIVE=1 also builds the tool as native code (minutes)
# needs /dev/kvm and: apt-get install -y --no-install-recommends qemu-system-x86
set -euo pipefail
cd "$(dirname "$0")/.."
command -v qemu-system-x86_64 >/dev/null || { echo "qemu-system-x86_64 is missing: apt-get install -y --no-install-recommends qemu-system-x86" >&2; exit 1; }
[ -w /dev/kvm ] || { echo "/dev/kvm is missing or not permitted: run enclave doctor" >&2; exit 1; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
# As a released tool is: compiled ahead of time for this machine.
dotnet publish src/EnclaveTesting.Cli -c Release -r linux-x64 --self-contained false -o "$out/tool" -v q -nologo >/dev/null
dotnet build bench/EnclaveTesting.Benchmarks -c Release -o "$out/bench" -v q -nologo >/dev/null
tools=("$out/tool/enclave.dll")
if [ "${NATIVE:-}" = 1 ]; then
    # The library's JSON is not made for it and warns; what is measured here does not use it.
    dotnet publish src/EnclaveTesting.Cli -c Release -r linux-x64 -p:PublishAot=true -p:PublishReadyToRun=false -p:PackAsTool=false -p:TreatWarningsAsErrors=false \
        -o "$out/native" -v q -nologo >/dev/null
    tools+=("$out/native/enclave")
fi
qemu-system-x86_64 --version | head -n 1
uptime
"$out/bench/EnclaveTesting.Benchmarks" compare "${1:-15}" "${tools[@]}"
uptime
