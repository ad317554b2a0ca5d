#!/usr/bin/env bash
# From a fresh machine to a fine-tuned model and its table: install, build, make the synthetic BehaviorBench, build its
# HDF5, train on two ranks while a third scores the checkpoints, print the result.  What is done already is skipped.
#   launch/quickstart.sh [--again]     --again trains once more (the data is kept)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*" >&2; }
config=configs/quickstart.yaml
records=runs/data/quickstart.jsonl
data=runs/data/quickstart.h5
run=runs/quickstart
if [ "${1:-}" = --again ]; then rm -rf "$run"; fi

say "1/5 install what is missing (launch/setup.sh)"
launch/setup.sh
say "2/5 build (launch/build.sh)"
launch/build.sh bsft
bsft=build/release/bsft

mkdir -p runs/data
say "3/5 the synthetic BehaviorBench ($records)"
[ -f "$records" ] || "$bsft" data generate --cases 30000 --out "$records"
say "4/5 its tokens, spans and audit ($data)"
"$bsft" data inspect "$data" --count 1 > /dev/null 2>&1 || "$bsft" data build --records "$records" --model configs/tiny --out "$data"

source launch/mpi.sh
if [ -f "$run/results.json" ]; then
  say "5/5 trained already (--again trains once more)"
  "$bsft" report "$run" --out "$run/report.html"
else
  say "5/5 mpirun -np 3 $bsft train --config $config"
  mpirun -np 3 "$bsft" train --config "$config" --resume auto
fi
