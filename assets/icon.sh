#!/usr/bin/env bash
# Draws the packages' icon from icon.svg (needs Debian's librsvg2-bin). The PNG is checked in; nobody has to run this to build.
set -euo pipefail
cd "$(dirname "$0")"
rsvg-convert --width 128 --height 128 icon.svg --output icon.png
