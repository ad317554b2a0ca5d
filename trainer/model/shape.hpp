// What config.json says of a decoder, as far as the arithmetic needs it.
//
// read_shape takes the Llama and Qwen2 families and refuses, naming the field, what this decoder does not compute:
// other activations, rotary scalings other than Llama-3.1's, partial rotary, sliding windows, biases outside q, k, v,
// quantised weights.  Both spellings of the rotary fields are read: rope_theta + rope_scaling, and rope_parameters.
// Errors: Invalid(data) for another family or an unsupported field; Broken for a missing or absurd number.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "trainer/config/config.hpp"

namespace bsft {

struct Shape {
  std::string family;  // "llama" or "qwen2"
  std::int64_t vocabulary = 0, width = 0, layers = 0, heads = 0, kv_heads = 0, head_width = 0, feed_forward = 0;
  std::int64_t max_positions = 0;
  double norm_epsilon = 1e-5, rope_theta = 10000, initializer_range = 0.02;
  bool tied = true, attention_bias = false;
  // Llama-3.1 rope scaling; factor 1: none.
  double rope_factor = 1, rope_low = 1, rope_high = 4;
  std::int64_t rope_original = 8192;
};

Shape read_shape(std::filesystem::path const& folder);

// The shape with the sizes of model.shape in place of config.json's (0: keep); the head width follows from the width
// where either changes.  Invalid(config) where the sizes do not divide.
Shape resized(Shape shape, ShapeConfig const& sizes);

}  // namespace bsft
