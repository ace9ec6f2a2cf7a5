# shellcheck shell=sh
# Read by the build.sh scripts beside their sources, which all take the same options and work in the same way.
#   $check   yes when asked to compare with what is checked in, else no
#   $work    a directory that is gone when the script ends
LC_ALL=C
export LC_ALL

check=no
case "${1:-}" in
    "") ;;
    --check) check=yes ;;
    *) echo "usage: build.sh [--check]" >&2; exit 2 ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
