#!/usr/bin/env bash
# Takes the public API as it is now for the reviewed one: read the difference (git diff) before you commit it.
set -euo pipefail
cd "$(dirname "$0")"
DiffEngine_Disabled=true dotnet test --nologo -v q >/dev/null || true
for received in Reviewed/*.received.txt; do
    [ -e "$received" ] && mv "$received" "${received%.received.txt}.verified.txt"
done
git diff --stat -- .
