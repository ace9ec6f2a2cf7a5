#!/usr/bin/env bash
# Packs this repository's packages into the folder feed, restores the sample from there into a private packages folder, and runs its tests:
# what someone gets who installs the packages, and nothing of the sources around.
set -euo pipefail
cd "$(dirname "$0")"
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
export NUGET_PACKAGES="$PWD/packages"
rm -rf feed packages/enclavetesting* tests/bin tests/obj
# The SDK remembers for each user where a tool of this name and version is, even when that folder (another clone's) is gone.
rm -f "${DOTNET_CLI_HOME:-$HOME}"/.dotnet/toolResolverCache/*/enclavetesting.cli

# Packing restores the sources around into the usual folder; the private one is for what comes out of the feed.
env -u NUGET_PACKAGES dotnet pack ../../EnclaveTesting.sln -c Release -o feed -v q

dotnet tool restore
dotnet enclave describe tests/hello.eif
dotnet test tests
