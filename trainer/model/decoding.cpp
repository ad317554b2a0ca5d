#include "trainer/model/decoding.hpp"

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>

#include "data/base/error.hpp"
#include "kernels/op/torch.hpp"

namespace bsft {
namespace {

at::Tensor index_tensor(std::span<std::int32_t const> values) {
  return at::tensor(std::vector<std::int64_t>(values.begin(), values.end()), at::kLong);
}

// Branches in the order of `key`.
std::vector<std::int32_t> ordered(std::size_t count, auto const& key) {
  std::vector<std::int32_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) { return key(a) < key(b); });
  return order;
}

}  // namespace

Decoding::Decoding(Decoder const& decoder, std::vector<Sequence> prompts, std::span<std::int32_t const> room,
                   std::span<BehaviorDial const> dials)
    : decoder_(decoder) {
  ensure(room.size() == prompts.size(), "Decoding: one room a prompt");
  ensure(decoder.flat().is_cpu(), "Decoding: a decoder on the CPU");
  for (Sequence& prompt : prompts)  // plant() says where each ends
    prompt.targets = {{static_cast<std::int32_t>(prompt.tokens.size()), 0, 1.0F, Channel::response}};
  Forest const planted = plant(prompts);
  for (SupervisedRow const& row : planted.supervised) last_row_.push_back(row.row);
  hang_tails(planted, room);
  visit(planted, dials);
}

// Cuts segments where a prompt ends, and hangs each branch's tail there; tails' rows ascend in the segments' order.
void Decoding::hang_tails(Forest const& planted, std::span<std::int32_t const> room) {
  auto const branches = ordered(last_row_.size(), [&](std::int32_t b) { return last_row_[b]; });
  tails_.resize(branches.size());
  auto next = branches.begin();
  auto row = static_cast<std::int32_t>(planted.tokens.size());
  std::vector<std::int32_t> last_piece;  // of each planted segment
  for (Segment const& whole : planted.segments) {
    Segment piece = whole;
    if (whole.parent >= 0) piece.parent = last_piece[static_cast<std::size_t>(whole.parent)];
    for (;;) {
      bool const ends = next != branches.end() && last_row_[*next] < whole.end;
      piece.end = ends ? last_row_[*next] + 1 : whole.end;
      auto const index = static_cast<std::int32_t>(forest_.segments.size());
      forest_.segments.push_back(piece);
      std::int32_t const after = piece.position + piece.end - piece.begin;
      for (; next != branches.end() && last_row_[*next] + 1 == piece.end; ++next) {
        tails_[*next] = {static_cast<std::int32_t>(forest_.segments.size()), row, 0, room[*next]};
        forest_.segments.push_back({row, row, index, after});
        row += room[*next];
      }
      if (piece.end == whole.end) {
        last_piece.push_back(index);
        break;
      }
      piece = {piece.end, whole.end, index, after};
    }
  }
  rows_ = row;
}

// All prompts in one pass; the last layer computes only the rows that end one.
void Decoding::visit(Forest const& planted, std::span<BehaviorDial const> dials) {
  at::NoGradGuard const guard;
  Shape const& shape = decoder_.shape();
  for (std::int64_t layer = 0; layer < shape.layers; ++layer) {
    keys_.push_back(at::empty({rows_, shape.kv_heads, shape.head_width}, at::kFloat));
    values_.push_back(at::empty({rows_, shape.kv_heads, shape.head_width}, at::kFloat));
  }
  std::vector<TokenId> tokens = planted.tokens;
  std::vector<std::int64_t> toward(tokens.size(), -1);
  std::vector<float> share(tokens.size(), 0), positions;
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    std::int64_t const d = tokens[t] - decoder_.exported_vocabulary();
    if (d < 0) continue;
    ensure(d < static_cast<std::int64_t>(dials.size()), "Decoding: a token beyond the vocabulary is a dial");
    BehaviorDial const& dial = dials[static_cast<std::size_t>(d)];
    tokens[t] = decoder_.behavior_ids().at(static_cast<std::size_t>(dial.from));
    toward[t] = dial.toward, share[t] = dial.share;
  }
  std::vector<std::int32_t> ends = last_row_;
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  auto const everyone = std::make_shared<AttentionPlan const>(plan_attention(planted, {}));
  for (std::int32_t const columns : everyone->visible) positions.push_back(static_cast<float>(columns - 1));
  auto const few = std::make_shared<AttentionPlan const>(plan_attention(planted, ends));
  Decoder::Rows rows{tokens, std::move(positions), ends};
  if (!dials.empty()) rows.dials = {at::tensor(toward, at::kLong), at::tensor(share, at::kFloat)};
  std::int64_t const count = static_cast<std::int64_t>(tokens.size());
  at::Tensor const hidden =
      decoder_.forward(rows, [&](std::int64_t layer, auto const& q, auto const& k, auto const& v) {
        keys_[static_cast<std::size_t>(layer)].narrow(0, 0, count).copy_(k);
        values_[static_cast<std::size_t>(layer)].narrow(0, 0, count).copy_(v);
        return attend(q, k, v, layer + 1 == shape.layers ? few : everyone);
      });
  std::vector<std::int32_t> place;
  for (std::int32_t const row : last_row_)
    place.push_back(static_cast<std::int32_t>(std::lower_bound(ends.begin(), ends.end(), row) - ends.begin()));
  newest_ = hidden.index_select(0, index_tensor(place));
}

at::Tensor Decoding::logits(std::span<std::int32_t const> branches) const {
  return decoder_.logits(newest_, {branches.begin(), branches.end()});
}

void Decoding::step(std::span<std::int32_t const> branches, std::span<TokenId const> tokens) {
  ensure(branches.size() == tokens.size(), "Decoding: one token a branch");
  if (branches.empty()) return;
  at::NoGradGuard const guard;
  auto const order =
      ordered(branches.size(), [&](std::int32_t i) { return tails_[static_cast<std::size_t>(branches[i])].begin; });
  std::vector<TokenId> next;
  std::vector<std::int32_t> queries, to;
  Decoder::Rows rows;
  for (std::int32_t const i : order) {
    std::int32_t const branch = branches[static_cast<std::size_t>(i)];
    Tail& tail = tails_[static_cast<std::size_t>(branch)];
    ensure(tail.used < tail.room, "Decoding: the branch has no room left");
    Segment& segment = forest_.segments[static_cast<std::size_t>(tail.segment)];
    rows.positions.push_back(static_cast<float>(segment.position + tail.used));
    queries.push_back(segment.end++);
    ++tail.used;
    next.push_back(tokens[static_cast<std::size_t>(i)]);
    to.push_back(branch);
  }
  rows.tokens = next;
  auto const plan = std::make_shared<AttentionPlan const>(plan_attention(forest_, queries));
  at::Tensor const index = index_tensor(queries);
  at::Tensor const hidden =
      decoder_.forward(rows, [&](std::int64_t layer, auto const& q, auto const& k, auto const& v) {
        at::Tensor const &keys = keys_[static_cast<std::size_t>(layer)],
                         &values = values_[static_cast<std::size_t>(layer)];
        keys.index_copy_(0, index, k);
        values.index_copy_(0, index, v);
        return attend(q, keys, values, plan);
      });
  newest_.index_copy_(0, index_tensor(to), hidden);
}

}  // namespace bsft
