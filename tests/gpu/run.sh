#!/usr/bin/env bash
# Build with device code and run every kernel test and the kernel benchmark on a GPU.
#   tests/gpu/run.sh [BUILD_FOLDER]      default build/gpu
# Without a device it says "skipped: no device" and exits 77 (which CTest counts as skipped).
# The tests are those of the CPU (but for what looks at ids on the host) with their tensors on the device (BSFT_TEST_DEVICE=cuda); with compute-sanitizer in
# PATH they run once more under it (memcheck and racecheck).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

has_device() {
  if command -v nvidia-smi > /dev/null; then nvidia-smi -L 2> /dev/null | grep -q '^GPU'; else [ -e /dev/nvidia0 ]; fi
}
if ! has_device; then
  echo "skipped: no device"
  exit 77
fi

build="${1:-build/gpu}"
cmake=.venv/bin/cmake
[ -x "$cmake" ] || cmake=cmake
"$cmake" --preset cuda -B "$build"
"$cmake" --build "$build" --target test_kernels bench_kernels

export BSFT_TEST_DEVICE=cuda
"$build/tests/test_kernels" --gtest_filter='-Exp.*:Bf16.*:Refusals.*'
if command -v compute-sanitizer > /dev/null; then
  for tool in memcheck racecheck; do
    compute-sanitizer --tool "$tool" --error-exitcode 1 "$build/tests/test_kernels" --gtest_filter='CrossEntropy.*:RmsNorm.*:BehaviorEmbedding.*'
  done
else
  echo "compute-sanitizer is not installed: memory and race checks left out" >&2
fi
"$build/tests/bench_kernels" --device cuda
