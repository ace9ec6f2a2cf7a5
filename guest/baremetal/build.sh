#!/bin/sh
# Builds the guests into bin/ with gcc and binutils alone; the result depends on the sources and the compiler only.
#   build.sh           build, write bin/SHA256SUMS
#   build.sh --check   build elsewhere and compare with bin/SHA256SUMS
set -eu
cd "$(dirname "$0")"
. ../build-options.sh

CC=${CC:-gcc}
out=bin
[ "$check" = no ] || out="$work/bin"
mkdir -p "$out" "$work/lib"

# General registers only: what interprets ring 0 need not know SSE. No frame tables, build ids, paths or dates.
flags="-std=c17 -O2 -march=x86-64 -mgeneral-regs-only -mno-red-zone -mcmodel=small -ffreestanding -fno-builtin
 -fno-stack-protector -fno-pic -fno-pie -fcf-protection=none -fno-asynchronous-unwind-tables -fno-ident
 -fno-strict-aliasing --param=min-pagesize=0 -fno-tree-loop-distribute-patterns -ffunction-sections -fdata-sections
 -ffile-prefix-map=$PWD=. -Wall -Wextra -Werror -I."
link="-nostdlib -static -no-pie -Wl,--build-id=none -Wl,--gc-sections -Wl,-n -Wl,-z,max-page-size=4096
 -Wl,-z,noexecstack"

for source in lib/*.c lib/*.S; do
    # shellcheck disable=SC2086
    $CC $flags -c "$source" -o "$work/$source.o"
done
$CC -E -P -x c -DPVH lib/link.ld -o "$work/pvh.ld"
$CC -E -P -x c lib/link.ld -o "$work/plain.ld"
note="$work/lib/pvh_note.S.o"
objects=$(ls "$work"/lib/*.o | grep -v pvh_note)

# build NAME SOURCE SCRIPT [OBJECT]
build() {
    # shellcheck disable=SC2086
    $CC $flags $link -Wl,-T,"$work/$3.ld" -o "$out/$1.elf" "$2" $objects ${4:-}
    strip --strip-all "$out/$1.elf"
    chmod 644 "$out/$1.elf"
}

for source in *.c; do
    build "${source%.c}" "$source" pvh "$note"
done
build hello64 hello.c plain

if [ "$check" = yes ]; then
    (cd "$out" && sha256sum -- *.elf) > "$work/sums"
    if cmp -s "$work/sums" bin/SHA256SUMS && (cd bin && sha256sum --quiet -c SHA256SUMS); then
        echo "bin/ is what the sources give"
    else
        echo "bin/ differs from what the sources give with $($CC --version | head -n 1):" >&2
        diff bin/SHA256SUMS "$work/sums" >&2 || true
        exit 1
    fi
else
    (cd bin && sha256sum -- *.elf > SHA256SUMS)
fi
