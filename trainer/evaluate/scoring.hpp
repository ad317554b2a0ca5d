// Score records by the log-likelihood of their task's labels, under every condition, visiting a prompt once.
//
//   prompt ─┬─ (no token)       ─ trie of the labels
//           ├─ <|reactive|>     ─ trie of the labels
//           └─ <|proactive|>    ─ trie of the labels
// P(behaviour) comes from the prompt's last row.  The self-selected condition is the model's own argmax among the
// behaviours, so it reuses their leaves; right and wrong are leaves, too.  Records of a case share the case where their
// prompts do.  Where the behaviour changes the prompt itself (token before the prompt, or an instruction) each
// behaviour has its own prompt, and nothing is selected.
//   decoder  its rows for the behaviours are the catalogue's, same order
//   result   one entry a record, in the order asked for; log-probabilities in nats, fp64 sums of fp32 values
// A pass holds at most max_tokens unique tokens (a larger record stands alone).  The same input gives the same bits.
// Source: lm-evaluation-harness' loglikelihood; tests/evaluate compares with transformers, one sequence at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "data/store/reader.hpp"
#include "trainer/evaluate/condition_prompts.hpp"
#include "trainer/evaluate/label_trie.hpp"
#include "trainer/evaluate/passes.hpp"
#include "trainer/evaluate/scored_record.hpp"
#include "trainer/model/decoder.hpp"

namespace bsft {

class Scorer {
 public:
  // All of these must outlive it.
  Scorer(Decoder const& decoder, StoreReader const& reader, PromptSource prompts, ScoringSettings settings);
  // Of the settings' part the records alone; tell: as of passes.hpp.
  std::vector<ScoredRecord> score(std::span<std::int64_t const> records,
                                  std::function<void(std::size_t done)> const& tell = {}) const;

 private:
  struct Pass;
  void add(Pass& pass, ConditionPrompts const& leaves) const;
  void run(Members members, std::vector<ScoredRecord>& results) const;

  Decoder const& decoder_;
  StoreReader const& reader_;
  PromptSource prompts_;
  ScoringSettings settings_;
  std::vector<LabelTrie> tries_;  // [task]
};

}  // namespace bsft
