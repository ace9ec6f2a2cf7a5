#!/usr/bin/env bash
# The software CPU on another host: an Arm processor, emulated by QEMU. What it computes in random cases of every instruction, and a run of the
# Linux guest kit (console, instruction count, recording), must be those of this host. Takes minutes.
# usage: tests/other-host.sh [CASES [TRANSLATED]]      60000 and 4000 unless told otherwise
# needs: Debian on x86-64, apt-get install -y --no-install-recommends qemu-user-static
set -euo pipefail
command -v qemu-aarch64-static >/dev/null || { echo "qemu-aarch64-static is missing: apt-get install -y --no-install-recommends qemu-user-static" >&2; exit 1; }
cases=${1:-60000} translated=${2:-4000}
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

echo "fetching Arm's C library"
mkdir -p "$out"/apt/{lists,cache,debs} "$out/root"
touch "$out/apt/status"
apt=(-q -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root -o "Dir::State::lists=$out/apt/lists"
    -o "Dir::State::status=$out/apt/status" -o "Dir::Cache=$out/apt/cache")
apt-get "${apt[@]}" update
(cd "$out/apt/debs" && apt-get "${apt[@]}" download libc6 libgcc-s1 libstdc++6 libssl3 zlib1g)
for package in "$out"/apt/debs/*.deb; do
    dpkg -x "$package" "$out/root"
done

echo "building"
publish() {
    dotnet publish "$1" -r "linux-$2" --self-contained true -p:UseAppHost=true -p:PackAsTool=false -p:PublishReadyToRun=false -o "$out/$3-$2" -v q -nologo \
        >"$out/log" || { cat "$out/log" >&2; exit 1; }
}
for architecture in x64 arm64; do
    publish tests/EnclaveTesting.Engine.Tests "$architecture" tests
    publish src/EnclaveTesting.Cli "$architecture" tool
done
mkdir "$out/rootfs"
install -m 755 guest/linux/bin/enclave-app "$out/rootfs/enclave-app"
"$out/tool-x64/enclave" build --root "$out/rootfs" --command /enclave-app --command selftest --memory 128 --cpus 2 -o "$out/kit.eif" >/dev/null

export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
run() {
    architecture=$1
    shift
    "$@" "$out/tests-$architecture/EnclaveTesting.Engine.Tests" digests "$cases" "$translated" 1 > "$out/digests-$architecture"
    "$@" "$out/tool-$architecture/enclave" run "$out/kit.eif" --record "$out/recording-$architecture" --json > "$out/run-$architecture" 2>"$out/errors-$architecture" \
        || { cat "$out/errors-$architecture" >&2; exit 1; }
    head -n 1 "$out/digests-$architecture"
    grep -o '"\(instructions\|hostPace\)":[^,]*' "$out/run-$architecture"
    grep -v '^{' "$out/run-$architecture" > "$out/console-$architecture"
}
run x64
run arm64 qemu-aarch64-static -L "$out/root"

# Their first lines name the processors.
diff <(tail -n +2 "$out/digests-x64") <(tail -n +2 "$out/digests-arm64")
diff "$out/console-x64" "$out/console-arm64"
cmp "$out/recording-x64" "$out/recording-arm64"
echo "the same: $(tail -n +2 "$out/digests-x64" | wc -l) digests, console, recording"
