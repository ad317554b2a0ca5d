// The optimizer's moments as a safetensors file, by parameter name: independent of ranks and of the flat buffer's
// layout.
//
// Errors: Broken naming a moment that is missing, misshapen or left over.
#pragma once

#include <filesystem>

#include "trainer/model/decoder.hpp"
#include "trainer/optim/optimizer.hpp"

namespace bsft {

constexpr char const* training_state_name = "training_state.safetensors";

void write_training_state(Decoder const& decoder, Moments const& moments, std::filesystem::path const& file);
void read_training_state(Decoder const& decoder, Optimizer& optimizer, std::filesystem::path const& file);

}  // namespace bsft
