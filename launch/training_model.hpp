// The model of a run: its folder's weights or random ones, and behaviour rows where it has not learned them yet.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "launch/training_data.hpp"
#include "trainer/config/config.hpp"
#include "trainer/loop/memory.hpp"
#include "trainer/model/decoder.hpp"
#include "trainer/model/weights.hpp"

namespace bsft {

// Zeros, which take no memory until fill_model gives them values.
std::unique_ptr<Decoder> empty_model(Config const& config, TrainingData const& data, at::Device device);
// filled: see load_weights.
void fill_model(Decoder& decoder, Config const& config, TrainingData const& data, Filled const& filled);

// Lines that say what will be trained: sizes, and id, token and norm of each behaviour row.
std::vector<std::string> describe_model(Decoder const& decoder, BehaviorMap const& behaviors);

// The line that says what a rank keeps: `copy` bytes for the checkpoint under way, passes of so many tokens.
std::string describe_memory(ModelMemory const& memory, std::int64_t copy, std::int64_t tokens_a_pass);

}  // namespace bsft
