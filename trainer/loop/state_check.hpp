// Look whether the state that training goes on with, or that is about to be saved, is sound.
//
//   alike    what every rank holds in full has the same bits on all: XXH3-64 of blocks of 256 KiB, ranks exchange the
//            hash of those hashes, and the hashes themselves where it differs.  The ranks with other bits than most are
//            named, with what lies there; of two ranks nobody can say which
//   finite   weights and moments that this rank holds
// Held in full are: frozen weights; with Sharded::nothing weights and moments; with Sharded::moments and gradients the
// weights (of which a rank's own part is sent to the others after each update: damage done to it before that reaches
// all of them alike and is not seen).  With Sharded::weights a rank's part is nowhere else: only finite is asked.
// Cost: one pass over the memory that is held.  Collective; the weights must have settled.
// Errors, on all ranks: Told(peer_lost) where ranks differ, Told(non_finite).
// Source: reliability.md row 12; tests/loop/flips_test.py: 200 flipped bits.
#pragma once

#include <cstdint>

#include "trainer/loop/step.hpp"

namespace bsft {

void check_state(Trainers const& trainers, Decoder const& decoder, Optimizer const& optimizer, Buckets const& buckets,
                 Sharded sharded, std::int64_t step);

}  // namespace bsft
