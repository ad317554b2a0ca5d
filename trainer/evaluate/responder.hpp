// Score records by what the model answers under every condition, visiting a prompt once.
//
//   prompt ─┬─ (no token)       ─ answer     the likeliest token, again and again (generation.hpp)
//           ├─ <|reactive|>     ─ answer     the label is what the strict parser reads (answer_parser.hpp)
//           └─ <|proactive|>    ─ answer
// The self-selected condition is chosen as likelihood scoring chooses it: the likeliest behaviour at the prompt's end
// among those that are used, which need not be the likeliest of all tokens.  Without a token the answer begins with
// none.
// An answer goes on until its end, or until its label is decided and it has answer_tokens: what follows changes
// nothing.  An answer that was cut off undecided is invalid.
//   result   one entry a record, in the order asked for, each with `answer` in place of log-likelihoods
// A pass holds at most max_tokens rows of the cache, rooms for answers included (a larger record stands alone).  The
// same input gives the same bits.  Source: tests/evaluate/generation_test.py compares with transformers' generate.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "data/store/reader.hpp"
#include "data/tokenizer/tokenizer.hpp"
#include "trainer/evaluate/condition_prompts.hpp"
#include "trainer/evaluate/passes.hpp"
#include "trainer/evaluate/scored_record.hpp"
#include "trainer/model/decoder.hpp"

namespace bsft {

struct AnswerSettings {
  std::vector<TokenId> ends;       // tokens that end an answer
  std::int64_t answer_tokens = 0;  // at least so many, unless it ends before
  bool only_selected = false;      // of the behaviours, only the selected one answers
};

class Responder {
 public:
  // All of these must outlive it.
  Responder(Decoder const& decoder, Tokenizer const& tokenizer, StoreReader const& reader, PromptSource prompts,
            ScoringSettings settings, AnswerSettings answers);
  // Of the settings' part the records alone; tell: as of passes.hpp.
  std::vector<ScoredRecord> score(std::span<std::int64_t const> records,
                                  std::function<void(std::size_t done)> const& tell = {}) const;

 private:
  std::int64_t most(TaskId task) const;  // tokens of an answer
  void run(Members members, std::vector<ScoredRecord>& results) const;

  Decoder const& decoder_;
  Tokenizer const& tokenizer_;
  StoreReader const& reader_;
  PromptSource prompts_;
  ScoringSettings settings_;
  AnswerSettings answers_;
};

}  // namespace bsft
