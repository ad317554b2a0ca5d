// Answer many prompts at once, greedily: always the likeliest token.
//
// An answer ends with one of `ends`, which is no part of it, or is cut off after `most` tokens or where goes_on says
// so. Its first token is no behaviour token unless the prompt ends with one: a behaviour is given, or it is absent. Of
// equal logits the first counts.  Prompts share what they have in common as in decoding.hpp, which says what is kept
// and how far bits depend on the company.
// Source: transformers' generate(do_sample=False, begin_suppress_tokens=behaviours); tests/evaluate/generate_test.py.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "trainer/model/decoding.hpp"

namespace bsft {

struct Opening {
  Sequence prompt;         // tokens and share
  std::int32_t most = 64;  // tokens of the answer; 0: only looked at
};

struct Continuation {
  std::vector<TokenId> tokens;
  bool ended = false;  // by an end token
  double seconds = 0;  // from the construction to its last token
};

class Generation {
 public:
  // Visits the prompts.  The decoder must outlive it.
  Generation(Decoder const& decoder, std::vector<Opening> openings, std::vector<TokenId> ends,
             std::span<BehaviorDial const> dials = {});
  // log p of each of these tokens right after the prompt.  Before run().
  std::vector<double> log_p(std::size_t opening, std::span<TokenId const> tokens) const;

  using GoesOn = std::function<bool(std::size_t opening, std::vector<TokenId> const& answer)>;  // after each token
  // Answers to these openings, in their order.  Once.
  std::vector<Continuation> run(std::span<std::size_t const> openings, GoesOn const& goes_on = {});
  std::int64_t rows() const { return decoding_.rows(); }

 private:
  std::vector<TokenId> likeliest(std::vector<std::int32_t> const& branches, bool first) const;

  std::chrono::steady_clock::time_point begin_;
  Decoder const& decoder_;
  std::vector<std::int32_t> most_;
  std::vector<char> carries_;  // the prompt ends with a behaviour
  std::vector<TokenId> ends_;
  Decoding decoding_;
};

}  // namespace bsft
