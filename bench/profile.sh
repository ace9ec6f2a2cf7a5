#!/usr/bin/env bash
# Where the time of boots on the software CPU goes, by kind of work: bench/profile.sh IMAGE [BOOTS] [ACPI: true or false]
# Needs perf (Debian: linux-perf). All boots are made by one process; the first ones contain the compilation of this code.
set -euo pipefail
[ $# -ge 1 ] || { echo "usage: profile.sh IMAGE [BOOTS] [ACPI]" >&2; exit 2; }
image=$(realpath "$1")
cd "$(dirname "$0")/EnclaveTesting.Benchmarks"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

dotnet build -c Release -v quiet --nologo > "$work/build"
# Without write-xor-execute, compiled code stands in memory that perf can name.
DOTNET_PerfMapEnabled=1 DOTNET_EnableWriteXorExecute=0 perf record -q -o "$work/data" -e cpu-clock -F 999 -- \
    dotnet bin/Release/net10.0/EnclaveTesting.Benchmarks.dll series "${2:-10}" "$image" "${3:-false}" > "$work/times"
echo "ms of wall clock and of CPU for each boot:"
cat "$work/times"
perf report -i "$work/data" --stdio -n --sort dso,sym 2> "$work/errors" | awk '
    function add(kind) { samples[kind] += $2; all += $2 }
    /^ *[0-9.]+%/ {
        if (/dynamicClass/) add("translated code")
        else if (/Software\.Cpu\.Translation/) add("translation to IL")
        else if (/Integer\.Moves::/) add("op: move")
        else if (/Integer\.Alu::/) add("op: arithmetic and logic")
        else if (/Integer\.(Branches|BlockEnds)::/) add("op: jump, call, return")
        else if (/Integer\.Stack::/) add("op: push and pop")
        else if (/Integer\.StringOps::|SoftwareCpu::.*String/) add("op: string")
        else if (/Software\.Cpu\.Integer/) add("op: other integer")
        else if (/Software\.Cpu\.(Simd|X87)/) add("op: vector and floating point")
        else if (/Software\.Cpu\.Privileged/) add("op: privileged")
        else if (/BlockDecoder|OpBuilder|OpTable|Iced/) add("decoding")
        else if (/CodeCache|SoftwareCpu::(Lookup|Fetch|Follow|Leave|TryTranslateFetch|CheckSecondPage)/) add("finding the next block")
        else if (/SoftwareVirtualMachine::Loop|SoftwareCpu::(Run|Pause|Begin)|ReportStubBlock/) add("run loop and calls of ops")
        else if (/Software\.Cpu\.SoftwareCpu/) add("paging, memory, exceptions")
        else if (/Software\.Chipset|Engine\.Devices|Engine\.Machine|Accelerators\.Software/) add("chipset and devices")
        else if (/Engine\.(Boot|Eif|Images|Memory)|ZstdSharp|SpanHelpers|libcrypto|libSystem\.(IO|Security)|IO\.Hashing/) add("loading the image")
        else if (/\[k\]/) add("host kernel")
        else if (/libclrjit|libcoreclr/) add("runtime and compiler of .NET")
        else add("the rest")
    }
    END { for (kind in samples) printf "%5.1f %%  %s\n", 100 * samples[kind] / all, kind }' | sort -rn
