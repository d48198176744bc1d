#!/usr/bin/env bash
# The ownership gate: clang proves the library and the examples, nothing in the examples is
# exempt from the proof.
#
#   tools/own.sh [FILE.c...]     default: every .c of runtime/ ssl/ net/ examples/
#
# Uses clang-14 and clang-19, those that are installed, else clang. Each file is checked with
# and without FOAL_DEBUG. Exit status: 0 proved, 1 not, 77 no clang.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

clangs=()
for name in clang-14 clang-19; do
  if command -v "$name" > /dev/null; then clangs+=("$name"); fi
done
if [ ${#clangs[@]} -eq 0 ] && command -v clang > /dev/null; then clangs=(clang); fi
if [ ${#clangs[@]} -eq 0 ]; then
  echo "own: no clang is installed; ownership cannot be proved"
  exit 77
fi

files=("$@")
if [ ${#files[@]} -eq 0 ]; then
  mapfile -t files < <(find runtime ssl net examples -name '*.c' | sort)
fi

flags=(-std=c11 -D_GNU_SOURCE -I. -fsyntax-only -Wno-everything -Wthread-safety
  -Wthread-safety-beta -Wunused-result -Wincompatible-pointer-types
  -Wincompatible-pointer-types-discards-qualifiers -Wint-conversion
  -Wimplicit-function-declaration -Werror)
read -ra packages < <(pkg-config --cflags libuv openssl 2> /dev/null || true)
flags+=(${packages[@]+"${packages[@]}"})

status=0
for clang in "${clangs[@]}"; do
  for debug in "" -DFOAL_DEBUG=1; do
    printf '%s\0' "${files[@]}" |
      xargs -0 -r -n 8 -P "$(nproc)" "$clang" "${flags[@]}" ${debug:+"$debug"} || status=1
  done
  echo "own: $clang: ${#files[@]} files"
done

# What is believed instead of proved. Macros of the headers generate trusted wrappers; code of
# users may not. The body of a function that says FOAL_MAKES is skipped by clang.
count() { { grep -rhoE --include='*.[ch]' "$1" "${@:2}" || true; } | wc -l; }
for folder in runtime ssl net examples; do
  echo "own: $folder: $(count '\bFOAL_TRUSTED\b' "$folder") trusted"
done
echo "own: examples: $(count '\) FOAL_MAKES\(' examples) makers, believed"
if grep -rn --include='*.[ch]' 'FOAL_TRUSTED\|no_thread_safety_analysis' examples; then
  echo "own: an example must not be exempt from the proof"
  status=1
fi
exit "$status"
