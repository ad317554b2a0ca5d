#include "trainer/evaluate/generation.hpp"

#include <algorithm>
#include <limits>

#include "data/base/error.hpp"
#include "kernels/op/torch.hpp"

namespace bsft {
namespace {

Decoding visited(Decoder const& decoder, std::vector<Opening> openings, std::span<BehaviorDial const> dials) {
  std::vector<Sequence> prompts;
  std::vector<std::int32_t> room;
  for (Opening& opening : openings) {
    prompts.push_back(std::move(opening.prompt));
    room.push_back(std::max(opening.most - 1, 0));  // nothing follows the last token
  }
  return {decoder, std::move(prompts), room, dials};
}

bool is_behavior(Decoder const& decoder, TokenId token) {
  auto const& ids = decoder.behavior_ids();
  return token >= decoder.exported_vocabulary() || std::find(ids.begin(), ids.end(), token) != ids.end();
}

}  // namespace

Generation::Generation(Decoder const& decoder, std::vector<Opening> openings, std::vector<TokenId> ends,
                       std::span<BehaviorDial const> dials)
    : begin_(std::chrono::steady_clock::now()),
      decoder_(decoder),
      ends_(std::move(ends)),
      decoding_(visited(decoder, openings, dials)) {
  for (Opening const& opening : openings) {
    most_.push_back(opening.most);
    carries_.push_back(is_behavior(decoder, opening.prompt.tokens.back()) ? 1 : 0);
  }
}

std::vector<double> Generation::log_p(std::size_t opening, std::span<TokenId const> tokens) const {
  std::vector<std::int32_t> const branch{static_cast<std::int32_t>(opening)};
  at::Tensor const values = at::log_softmax(decoding_.logits(branch)[0], -1);
  std::vector<double> result;
  for (TokenId const token : tokens) result.push_back(values[token].item<double>());
  return result;
}

// Logits a few branches at a time: at most 128 MiB.
std::vector<TokenId> Generation::likeliest(std::vector<std::int32_t> const& branches, bool first) const {
  std::vector<TokenId> result;
  std::vector<std::int64_t> const behaviors(decoder_.behavior_ids().begin(), decoder_.behavior_ids().end());
  at::Tensor const columns = at::tensor(behaviors, at::kLong);
  auto const chunk =
      static_cast<std::size_t>(std::max<std::int64_t>((std::int64_t{1} << 25) / decoder_.exported_vocabulary(), 1));
  for (std::size_t begin = 0; begin < branches.size(); begin += chunk) {
    std::size_t const count = std::min(chunk, branches.size() - begin);
    auto const some = std::span(branches).subspan(begin, count);
    at::Tensor logits = decoding_.logits(some);
    for (std::size_t i = 0; first && i < count; ++i) {
      if (carries_[static_cast<std::size_t>(some[i])] != 0) continue;
      logits[static_cast<std::int64_t>(i)].index_fill_(0, columns, -std::numeric_limits<double>::infinity());
    }
    at::Tensor const chosen = logits.argmax(1).contiguous();
    for (std::size_t i = 0; i < count; ++i)
      result.push_back(static_cast<TokenId>(chosen.const_data_ptr<std::int64_t>()[i]));
  }
  return result;
}

std::vector<Continuation> Generation::run(std::span<std::size_t const> openings, GoesOn const& goes_on) {
  at::NoGradGuard const guard;
  std::vector<Continuation> answers(openings.size());
  std::vector<std::size_t> open;  // indices into openings
  for (std::size_t i = 0; i < openings.size(); ++i)
    if (most_.at(openings[i]) > 0) open.push_back(i);
  for (bool first = true; !open.empty(); first = false) {
    std::vector<std::int32_t> branches, going;
    for (std::size_t const i : open) branches.push_back(static_cast<std::int32_t>(openings[i]));
    std::vector<TokenId> const tokens = likeliest(branches, first);
    double const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    std::vector<std::size_t> left;
    std::vector<TokenId> given;
    for (std::size_t b = 0; b < open.size(); ++b) {
      Continuation& answer = answers[open[b]];
      answer.seconds = seconds;
      answer.ended = std::find(ends_.begin(), ends_.end(), tokens[b]) != ends_.end();
      if (answer.ended) continue;
      answer.tokens.push_back(tokens[b]);
      auto const opening = static_cast<std::size_t>(branches[b]);
      if (static_cast<std::int32_t>(answer.tokens.size()) >= most_[opening]) continue;
      if (goes_on && !goes_on(opening, answer.tokens)) continue;
      left.push_back(open[b]);
      going.push_back(branches[b]);
      given.push_back(tokens[b]);
    }
    decoding_.step(going, given);
    open = std::move(left);
  }
  return answers;
}

}  // namespace bsft
