// How much of a run's bits is promised: its level, and the conditions under which it holds.
//
//   D0  the same bits on the same number of ranks     fast reductions on CPU
//   D1  the same bits on any legal number of ranks    exact reductions on CPU
//   D2  the same order of samples, losses close       a run that was resumed under other conditions
//   D3  the same order of samples                     devices: no bits of theirs have been compared yet
// Conditions name the CPU, libtorch, and for D0 the ranks and buckets; threads, ZeRO's stage and our kernels'
// instruction set are none, as they do not change bits (ranks_test, determinism_test).
// Source: reliability.md section 4; tests/checkpoint/determinism_test.cpp.
#pragma once

#include <cstdint>
#include <string>

#include "data/feed/lanes.hpp"

namespace bsft {

enum class Level : int { D0, D1, D2, D3 };

struct Determinism {
  Level level = Level::D3;
  std::string conditions;
};

std::string name(Level level);
Level level_named(std::string const& name);  // D3 for what is none
std::string promise(Level level);            // in words
Determinism determinism_of(Reduction reduction, bool on_device, int ranks, std::int64_t bucket_bytes);
// What a run promises that goes on from a checkpoint: the lower of the two, at most D2 where the conditions differ.
Determinism resumed(Determinism const& before, Determinism const& now);

}  // namespace bsft
