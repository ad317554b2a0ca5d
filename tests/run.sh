#!/usr/bin/env bash
# Install, build and run the tests.
#   tests/run.sh                     every default test
#   tests/run.sh --slow              the long ones too (the quickstart's goals, the same bits twice)
#   tests/run.sh -R tokenizer        what follows goes to ctest
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

exclude='slow|slurm|gpu|bench'
if [ "${1:-}" = --slow ]; then exclude='slurm|gpu|bench'; shift; fi

launch/setup.sh --tests
launch/build.sh all
.venv/bin/python launch/smollm2.py --out .cache/smollm2-135m
source launch/mpi.sh
exec .venv/bin/ctest --test-dir build/release --output-on-failure -j "$(nproc)" --label-exclude "$exclude" "$@"
