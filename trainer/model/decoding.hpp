// Continue many prompts at once, a token each a step, over keys and values that are kept.
//
//   prompt ─┬─ <|reactive|>  ─ tail        cache rows: the prompts' unique tokens, then each branch's room
//           └─ <|proactive|> ─ tail        step: one row a branch; it sees its prompt's path and its own tail
// The prompts are planted as a forest (neighbours with the same `share` meet in their common prefix) and visited once.
// A branch is a prompt and what has been added to it, numbered as the prompts were given; a prompt may be the beginning
// of another, or the same.
//   cache    2 · L · rows · G · E fp32
//   logits   [branches, exported_vocabulary()] fp32, of the token after each branch's newest
// A token id exported_vocabulary() + d in a prompt is dial d: a behaviour row turned towards another's.
// The same calls give the same bits; beside other branches products have other shapes, so numbers may differ in the
// last bits.  Requires a decoder on the CPU; keeps no gradient.  One thread at a time.  The decoder must outlive it.
// Source: transformers' generate with use_cache; tests/model/decoding_test.cpp compares with whole sequences,
// tests/evaluate/generate_test.py with transformers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "trainer/model/attention.hpp"
#include "trainer/model/decoder.hpp"

namespace bsft {

// (1 - share) of behaviour `from`'s row and `share` of that of `toward`, share in [0,1].
struct BehaviorDial {
  std::int32_t from = 0, toward = 0;
  float share = 0;
};

class Decoding {
 public:
  // prompts: tokens and share are looked at.  room [prompts]: tokens that may be added to each.
  Decoding(Decoder const& decoder, std::vector<Sequence> prompts, std::span<std::int32_t const> room,
           std::span<BehaviorDial const> dials = {});

  at::Tensor logits(std::span<std::int32_t const> branches) const;
  // One more token for each of these branches, which are distinct.  Requires room.
  void step(std::span<std::int32_t const> branches, std::span<TokenId const> tokens);
  std::int64_t rows() const { return rows_; }  // of the cache

 private:
  struct Tail {
    std::int32_t segment = 0, begin = 0, used = 0, room = 0;
  };
  void hang_tails(Forest const& planted, std::span<std::int32_t const> room);
  void visit(Forest const& planted, std::span<BehaviorDial const> dials);

  Decoder const& decoder_;
  Forest forest_;  // segments alone: the prompts', cut where one ends, and the tails below them
  std::vector<Tail> tails_;
  std::vector<std::int32_t> last_row_;     // [branches] of the prompt
  std::vector<at::Tensor> keys_, values_;  // [L] of [rows,G,E]
  at::Tensor newest_;                      // [branches,D] after the final norm
  std::int64_t rows_ = 0;
};

}  // namespace bsft
