// What a trainer rank keeps of the model, in bytes: a formula of the model, the ranks, the lanes and ZeRO's stage.
//
//   weights, gradient, moments   4, 4 and 8 bytes a trained parameter, or of the rank's share of them (Sharded)
//   partial                      4 bytes a parameter and level of the lanes' tree: ceil(log2 lanes of a rank)
//   frozen                       4 bytes a parameter, on every rank
//   passing                      at most more during a step: buckets that travel, and units gathered for their pass
//   accumulating                 at most more where a rank takes several passes a step: their gradients are added up
//                                whole before any of it can leave, else the sum would have other bits
// Activations come on top.  Source: arXiv 1910.02054, section 3; tests/loop/sharding_test.py measures.
#pragma once

#include <cstdint>

#include "trainer/loop/step.hpp"

namespace bsft {

struct ModelMemory {
  std::int64_t weights = 0, gradient = 0, moments = 0, partial = 0, frozen = 0;
  std::int64_t passing = 0, accumulating = 0;
  std::int64_t kept() const { return weights + gradient + moments + partial + frozen; }
};

ModelMemory model_memory(Decoder const& decoder, Buckets const& buckets, int rank, int size, std::int64_t lanes,
                         Sharded sharded);

}  // namespace bsft
