#!/bin/sh
# check.sh BUILD CC prefix|pkgconfig_shared|pkgconfig_static|package_shared|package_static|
#   package_sim
#
# prefix installs the build into BUILD/tests/install/prefix; the others build outside/ against
# that prefix, run it, and look whether it was linked the way it should be.
set -eu

build=$1 cc=$2 way=$3
here=$(cd "$(dirname "$0")" && pwd)
prefix=$build/tests/install/prefix
work=$build/tests/install/$way

fail() {
  echo "install.$way: $*" >&2
  exit 1
}

# The program must print the version that pkg-config knows, and need libfoal.so or not.
examine() {
  program=$1 kind=$2
  needed=$(readelf -d "$program" | sed -n 's/.*NEEDED.*\[\(libfoal.*\)\]/\1/p')
  case $kind in
  shared) [ -n "$needed" ] || fail "not linked with libfoal.so" ;;
  static) [ -z "$needed" ] || fail "linked with $needed instead of libfoal.a" ;;
  esac
  said=$(LD_LIBRARY_PATH=$libdir "$program") || fail "the program failed"
  [ "$said" = "foal $(pkg-config --modversion foal)" ] || fail "it said '$said'"
}

if [ "$way" = prefix ]; then
  rm -rf "$prefix"
  cmake --install "$build" --prefix "$prefix" > /dev/null
  [ -f "$prefix/include/foal/foal.h" ] || fail "foal.h was not installed"
  exit 0
fi

PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name foal.pc)")
export PKG_CONFIG_PATH
libdir=$(pkg-config --variable=libdir foal)
rm -rf "$work"
mkdir -p "$work"

case $way in
pkgconfig_shared)
  # shellcheck disable=SC2046
  "$cc" -std=c11 -o "$work/outside" "$here/outside/main.c" $(pkg-config --cflags --libs foal)
  examine "$work/outside" shared
  ;;
pkgconfig_static)
  # Both libraries are in the prefix, so the static one is named by its file.
  libs=$(pkg-config --static --libs foal | sed 's/-lfoal/-l:libfoal.a/')
  # shellcheck disable=SC2046,SC2086
  "$cc" -std=c11 -o "$work/outside" "$here/outside/main.c" $(pkg-config --cflags foal) $libs
  examine "$work/outside" static
  ;;
package_sim)
  cmake -S "$here/outside" -B "$work" -DCMAKE_C_COMPILER="$cc" -DCMAKE_PREFIX_PATH="$prefix" \
    -DOUTSIDE_SIM=ON > "$work/log" 2>&1 || { cat "$work/log"; fail "configure"; }
  cmake --build "$work" >> "$work/log" 2>&1 || { cat "$work/log"; fail "build"; }
  "$work/outside_sim" --seeds 200 --check-replay --quiet || fail "the scenario failed"
  ;;
package_*)
  static=OFF
  [ "$way" = package_shared ] || static=ON
  cmake -S "$here/outside" -B "$work" -DCMAKE_C_COMPILER="$cc" -DCMAKE_PREFIX_PATH="$prefix" \
    -DFOAL_USE_STATIC=$static > "$work/log" 2>&1 || { cat "$work/log"; fail "configure"; }
  cmake --build "$work" >> "$work/log" 2>&1 || { cat "$work/log"; fail "build"; }
  examine "$work/outside" "${way#package_}"
  ;;
*) fail "unknown way" ;;
esac
