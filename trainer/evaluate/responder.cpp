#include "trainer/evaluate/responder.hpp"

#include <algorithm>

#include "trainer/evaluate/answer_parser.hpp"
#include "trainer/evaluate/generation.hpp"

namespace bsft {
namespace {

// The behaviour that the model itself finds likeliest, of those that are used.
std::size_t selected(std::vector<double> const& log_p, std::vector<char> const& uses) {
  std::size_t best = log_p.size();
  for (std::size_t k = 0; k < log_p.size(); ++k)
    if (uses[k] != 0 && (best == log_p.size() || log_p[k] > log_p[best])) best = k;
  return best;
}

}  // namespace

Responder::Responder(Decoder const& decoder, Tokenizer const& tokenizer, StoreReader const& reader,
                     PromptSource prompts, ScoringSettings settings, AnswerSettings answers)
    : decoder_(decoder),
      tokenizer_(tokenizer),
      reader_(reader),
      prompts_(std::move(prompts)),
      settings_(std::move(settings)),
      answers_(std::move(answers)) {
  settings_.uses.resize(reader.catalog().behaviors.tokens.size(), 1);
}

std::int64_t Responder::most(TaskId task) const {
  auto const& labels = reader_.catalog().tasks[static_cast<std::size_t>(index(task))].labels;
  return std::max(answers_.answer_tokens, static_cast<std::int64_t>(deciding_length(labels)));
}

void Responder::run(Members members, std::vector<ScoredRecord>& results) const {
  struct Branch {
    ConditionPrompts const* member;
    std::size_t condition;
  };
  std::vector<Opening> openings;
  std::vector<Branch> branches;
  std::vector<std::size_t> asked;
  for (ConditionPrompts const& member : members) {
    for (std::size_t c = 0; c < member.prompts.size(); ++c) {
      if (member.prompts[c].empty()) continue;
      Opening opening;
      opening.prompt.tokens = member.prompts[c];
      opening.prompt.share = member.share;
      opening.most = c > 0 || settings_.plain ? static_cast<std::int32_t>(most(member.task)) : 0;
      openings.push_back(std::move(opening));
      branches.push_back({&member, c});
    }
  }
  Generation generation(decoder_, std::move(openings), answers_.ends);
  for (std::size_t b = 0; b < branches.size(); ++b) {
    auto const& [member, condition] = branches[b];
    ScoredRecord& result = results[member->result];
    if (condition == 0 && settings_.selects) result.behavior = generation.log_p(b, decoder_.behavior_ids());
    bool const passed_over = answers_.only_selected && condition > 0 && !result.behavior.empty() &&
                             selected(result.behavior, settings_.uses) + 1 != condition;
    if ((condition > 0 || settings_.plain) && !passed_over) asked.push_back(b);
  }
  std::vector<std::string> bytes(branches.size());
  auto const labels = [&](std::size_t b) -> std::vector<std::string> const& {
    return reader_.catalog().tasks[static_cast<std::size_t>(index(branches[b].member->task))].labels;
  };
  auto const goes_on = [&](std::size_t b, std::vector<TokenId> const& answer) {
    bytes[b] += tokenizer_.bytes_of(answer.back());
    return static_cast<std::int64_t>(answer.size()) < answers_.answer_tokens ||
           !read_label(labels(b), bytes[b], false).decided;
  };
  std::vector<Continuation> const answers = generation.run(asked, goes_on);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    auto const& [member, condition] = branches[asked[i]];
    std::string whole;
    for (TokenId const token : answers[i].tokens) whole += tokenizer_.bytes_of(token);
    ScoredRecord& result = results[member->result];
    (condition == 0 ? result.plain : result.forced[condition - 1]).answer =
        Answer{read_label(labels(asked[i]), whole, answers[i].ended).label, tokenizer_.decode(answers[i].tokens),
               answers[i].ended};
  }
}

std::vector<ScoredRecord> Responder::score(std::span<std::int64_t const> records,
                                           std::function<void(std::size_t done)> const& tell) const {
  auto const room = [this](TaskId task) { return most(task); };
  auto const run_pass = [this](Members members, std::vector<ScoredRecord>& results) { run(members, results); };
  return score_in_passes(reader_, prompts_, settings_, records, room, run_pass, tell);
}

}  // namespace bsft
