#!/usr/bin/env bash
# Install, build and run the tests.
#   tests/run.sh                     every default test
#   tests/run.sh --slow              the long ones too (the quickstart's goals, the same bits twice)
#   tests/run.sh --slurm             those on a Slurm of virtual nodes on this host (root), nothing else; --slow --slurm: all
#   tests/run.sh -R tokenizer        what follows goes to ctest
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

exclude='gpu|bench' slow='|slow' slurm='|slurm' only=()
while :; do
  case "${1:-}" in
    --slow) slow='' ;;
    --slurm) slurm='' only=(--label-regex slurm) ;;
    *) break ;;
  esac
  shift
done

launch/setup.sh --tests
if [ -z "$slurm" ]; then launch/setup.sh --slurm; fi
launch/build.sh all
.venv/bin/python launch/smollm2.py --out .cache/smollm2-135m
source launch/mpi.sh
exec .venv/bin/ctest --test-dir build/release --output-on-failure -j "$(nproc)" --label-exclude "$exclude$slow$slurm" "${only[@]}" "$@"
