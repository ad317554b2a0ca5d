#!/usr/bin/env bash
# Run benchmarks by name; each prints JSON lines with both sides of one run.
#   tests/bench/run.sh kernels [options of tests/bench/kernels.cpp]
#   tests/bench/run.sh reduction [floats] [rounds]       on 2, 4 and 8 ranks
#   tests/bench/run.sh overlap [width layers tokens steps]   2 and 4 hosts in network namespaces, links of 1 Gbit/s and 200 Mbit/s
#   tests/bench/run.sh save [options of tests/bench/save.py]   what a checkpoint takes of training's time
#   tests/bench/run.sh evaluator [options of tests/bench/evaluator.py]   training while evaluators are killed and stopped
#   tests/bench/run.sh scoring [options of tests/bench/scoring.py]   beside a transformers loop, and in lm-evaluation-harness' manner
#   tests/bench/run.sh against_trl [options of tests/bench/against_trl.py]
# BSFT_BUILD names the build folder (default build/release).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build="${BSFT_BUILD:-build/release}"
cmake=.venv/bin/cmake
[ -x "$cmake" ] || cmake=cmake
built() {
  [ -f "$build/CMakeCache.txt" ] || "$cmake" --preset release -B "$build" >&2
  "$cmake" --build "$build" --target "$1" >&2
}
case "${1:-}" in
  kernels)
    shift
    built bench_kernels
    exec "$build/tests/bench_kernels" "$@"
    ;;
  reduction)
    shift
    built bench_reduction
    source launch/mpi.sh
    for ranks in 2 4 8; do mpirun -np "$ranks" "$build/tests/bench_reduction" "$@"; done
    ;;
  overlap)
    shift
    built bench_overlap
    source launch/mpi.sh
    if [ $# -gt 0 ]; then cases=("$*"); else cases=("320 8 512 9" "320 8 1024 9" "320 8 4096 5"); fi
    for case in "${cases[@]}"; do
      for hosts in 2 4; do
        for rate in 1gbit 200mbit; do tests/bench/overlap.sh "$PWD/$build/tests/bench_overlap" "$rate" "$hosts" $case; done
      done
    done
    ;;
  save)
    shift
    built bsft
    [ $# -gt 0 ] || .venv/bin/python launch/smollm2.py --out .cache/smollm2-135m >&2
    exec .venv/bin/python tests/bench/save.py "$@"
    ;;
  evaluator)
    shift
    built bsft
    source launch/mpi.sh
    exec .venv/bin/python tests/bench/evaluator.py "$@"
    ;;
  scoring)
    shift
    built bsft
    built bench_scoring
    .venv/bin/python launch/smollm2.py --out .cache/smollm2-135m >&2
    source launch/mpi.sh
    exec .venv/bin/python tests/bench/scoring.py "$@"
    ;;
  against_trl)
    shift
    built bsft
    .venv/bin/python launch/smollm2.py --out .cache/smollm2-135m >&2
    source launch/mpi.sh
    exec .venv/bin/python tests/bench/against_trl.py "$@"
    ;;
  *)
    echo "usage: tests/bench/run.sh kernels [--threads N] [--rounds N] [--device cpu|cuda] [--only layers|head|optimizer]" >&2
    echo "       tests/bench/run.sh reduction [FLOATS] [ROUNDS]" >&2
    echo "       tests/bench/run.sh overlap [WIDTH LAYERS TOKENS STEPS]" >&2
    echo "       tests/bench/run.sh save [--model FOLDER] [--steps N] [--every N] [--ranks N] [--tokens N] [--zero N]" >&2
    echo "       tests/bench/run.sh evaluator [--ranks N] [--window N] [--pairs N] [--kills N] [--hang N] [--cases N] [--only CASE…]" >&2
    echo "       tests/bench/run.sh scoring [--records N] [--sets contrast test] [--chunk N] [--threads N] [--model FOLDER] [--data FOLDER]" >&2
    echo "       tests/bench/run.sh against_trl [--rounds N] [--steps N] [--batch N] [--threads N] [--max-length N]" >&2
    exit 64
    ;;
esac
