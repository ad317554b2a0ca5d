#!/usr/bin/env bash
# Configure and build the release preset; what is built already is left alone.   launch/build.sh [TARGET, default bsft]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cmake=.venv/bin/cmake
if [ ! -f build/release/build.ninja ]; then
  $cmake --preset release > build.log 2>&1 || { cat build.log >&2; exit 70; }
  mkdir -p build/release && mv build.log build/release/configure.log
fi
$cmake --build build/release --target "${1:-bsft}"
