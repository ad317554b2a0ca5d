#include "trainer/evaluate/scoring.hpp"

#include <torch/csrc/autograd/grad_mode.h>

#include <algorithm>
#include <deque>

#include "data/base/error.hpp"

namespace bsft {
namespace {

// log p of every supervised row's target.  A row that predicts several targets goes through the output head once.
std::vector<double> log_probabilities(Decoder const& decoder, Forest const& forest) {
  std::vector<std::int32_t> rows;
  for (SupervisedRow const& row : forest.supervised) rows.push_back(row.row);
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  std::vector<std::vector<std::size_t>> asked(rows.size());
  for (std::size_t i = 0; i < forest.supervised.size(); ++i) {
    asked[static_cast<std::size_t>(std::lower_bound(rows.begin(), rows.end(), forest.supervised[i].row) - rows.begin())]
        .push_back(i);
  }
  std::vector<double> result(forest.supervised.size());
  at::Tensor const hidden = decoder.forward(forest);
  auto const vocabulary = static_cast<std::size_t>(decoder.exported_vocabulary());
  std::size_t const chunk = std::clamp<std::size_t>((std::size_t{1} << 25) / vocabulary, 16, 4096);
  for (std::size_t begin = 0; begin < rows.size(); begin += chunk) {
    std::size_t const end = std::min(begin + chunk, rows.size());
    std::vector<std::int64_t> line, column;
    std::vector<std::size_t> to;
    for (std::size_t r = begin; r < end; ++r) {
      for (std::size_t const i : asked[r]) {
        line.push_back(static_cast<std::int64_t>(r - begin));
        column.push_back(forest.supervised[i].target);
        to.push_back(i);
      }
    }
    at::Tensor const logits = decoder.logits(
        hidden, {rows.begin() + static_cast<std::ptrdiff_t>(begin), rows.begin() + static_cast<std::ptrdiff_t>(end)});
    auto const picked = [&](std::vector<std::int64_t> const& indices) {
      return at::tensor(indices, at::kLong).to(logits.device());
    };
    at::Tensor const values =
        at::log_softmax(logits, -1).index({picked(line), picked(column)}).to(at::kCPU).contiguous();
    float const* data = values.const_data_ptr<float>();
    for (std::size_t i = 0; i < to.size(); ++i) result[to[i]] = data[i];
  }
  return result;
}

}  // namespace

struct Scorer::Pass {
  std::vector<Sequence> sequences;
  std::vector<double*> out;  // of each target, in the order of the sequences
  std::deque<std::vector<double>> values;
  std::vector<std::size_t> first_value;  // of each member: its behaviour log p, then the edges of each condition
};

Scorer::Scorer(Decoder const& decoder, StoreReader const& reader, PromptSource prompts, ScoringSettings settings)
    : decoder_(decoder), reader_(reader), prompts_(std::move(prompts)), settings_(std::move(settings)) {
  Catalog const& catalog = reader.catalog();
  settings_.uses.resize(catalog.behaviors.tokens.size(), 1);
  for (StoredTask const& task : catalog.tasks) tries_.emplace_back(task.name, task.label_tokens);
}

void Scorer::add(Pass& pass, ConditionPrompts const& leaves) const {
  LabelTrie const& trie = tries_[static_cast<std::size_t>(index(leaves.task))];
  auto const& behaviors = reader_.catalog().behaviors.tokens;
  pass.first_value.push_back(pass.values.size());
  auto& selection = pass.values.emplace_back(settings_.selects ? behaviors.size() : 0);
  for (std::size_t c = 0; c < leaves.prompts.size(); ++c) {
    auto const& prompt = leaves.prompts[c];
    bool const scored = !prompt.empty() && (c > 0 || settings_.plain);
    auto& edges = pass.values.emplace_back(scored ? trie.edges() : 0);
    auto sequence_at = [&](std::vector<TokenId> const& path) {
      Sequence sequence;
      sequence.tokens = prompt;
      sequence.tokens.insert(sequence.tokens.end(), path.begin(), path.end());
      sequence.share = leaves.share;
      sequence.task = leaves.task;
      sequence.sample = leaves.record;
      return sequence;
    };
    auto ask = [&](Sequence& sequence, TokenId token, double* out) {
      sequence.targets.push_back({static_cast<std::int32_t>(sequence.tokens.size()), token, 1.0F, Channel::response});
      pass.out.push_back(out);
    };
    if (c == 0 && settings_.selects) {
      Sequence sequence = sequence_at({});
      for (std::size_t k = 0; k < behaviors.size(); ++k) ask(sequence, behaviors[k].id, &selection[k]);
      pass.sequences.push_back(std::move(sequence));
    }
    if (!scored) continue;
    for (LabelTrie::Node const& node : trie.nodes()) {
      Sequence sequence = sequence_at(node.path);
      for (std::size_t t = 0; t < node.targets.size(); ++t) ask(sequence, node.targets[t], &edges[node.first_edge + t]);
      pass.sequences.push_back(std::move(sequence));
    }
  }
}

void Scorer::run(Members members, std::vector<ScoredRecord>& results) const {
  torch::autograd::AutoGradMode const no_gradient(false);
  Pass pass;
  for (ConditionPrompts const& member : members) add(pass, member);
  Forest const forest = plant(pass.sequences);
  ensure(forest.supervised.size() == pass.out.size(), "a planted pass keeps its targets");
  std::vector<double> const values = log_probabilities(decoder_, forest);
  for (std::size_t i = 0; i < values.size(); ++i) *pass.out[i] = values[i];
  for (std::size_t m = 0; m < members.size(); ++m) {
    ConditionPrompts const& leaves = members[m];
    ScoredRecord& result = results[leaves.result];
    std::size_t value = pass.first_value[m];
    result.behavior = pass.values[value++];
    for (std::size_t c = 0; c < leaves.prompts.size(); ++c, ++value) {
      if (pass.values[value].empty()) continue;
      auto scores = tries_[static_cast<std::size_t>(index(leaves.task))].scores(pass.values[value]);
      static_cast<LabelTrie::LabelScores&>(c == 0 ? result.plain : result.forced[c - 1]) = std::move(scores);
    }
  }
}

std::vector<ScoredRecord> Scorer::score(std::span<std::int64_t const> records,
                                        std::function<void(std::size_t done)> const& tell) const {
  auto const room = [this](TaskId task) {
    return static_cast<std::int64_t>(tries_[static_cast<std::size_t>(index(task))].inner_tokens());
  };
  auto const run_pass = [this](Members members, std::vector<ScoredRecord>& results) { run(members, results); };
  return score_in_passes(reader_, prompts_, settings_, records, room, run_pass, tell);
}

}  // namespace bsft
