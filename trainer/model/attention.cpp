#include "trainer/model/attention.hpp"

#include <cmath>
#include <limits>

#include "data/base/error.hpp"
#include "trainer/model/gemm.hpp"
#include "kernels/op/torch.hpp"

namespace bsft {
namespace {

using Plan = AttentionPlan;
constexpr float minus_infinity = -std::numeric_limits<float>::infinity();

// One head of a [rows, heads, E] tensor, as a strided matrix.
struct HeadView {
  float* data;
  std::int64_t stride;
  float* row(std::int64_t index) const { return data + index * stride; }
  Matrix from(std::int64_t index) const { return {row(index), stride}; }
  MutableMatrix into(std::int64_t index) const { return {row(index), stride}; }
};

HeadView head_of(at::Tensor const& tensor, std::int64_t head) {
  return {tensor.data_ptr<float>() + head * tensor.size(2), tensor.stride(0)};
}

// Scores of one block of queries, and what is computed from them; columns beyond a query's own are kept at `fill`.
class Scores {
 public:
  Scores(Plan const& plan, std::int64_t head_width)
      : plan_(plan), width_(head_width), buffer_(at::empty({plan.largest_block}, at::kFloat)) {}

  void open(Plan::Block const& block) {
    block_ = &block;
    values_ = buffer_.narrow(0, 0, std::int64_t{block.query_end - block.query_begin} * block.columns)
                  .view({block.query_end - block.query_begin, block.columns});
  }
  at::Tensor& values() { return values_; }

  // values[r,c] = alpha · rows[r] · keys[c]
  void multiply(HeadView const& queries, HeadView const& keys, float alpha, float fill) {
    for_parts([&](Plan::Part const& part, std::int64_t m, std::int64_t n, MutableMatrix scores) {
      gemm(Layout::nt, m, n, width_, alpha, queries.from(part.query_begin), keys.from(part.key_begin), 0, scores);
    });
    float* row = values_.data_ptr<float>();
    for (std::int32_t query = block_->query_begin; query < block_->query_end; ++query, row += block_->columns)
      std::fill(row + plan_.visible[query], row + block_->columns, fill);
  }

  // out[r] = alpha · Σ_c values[r,c] · keys[c]
  void gather(HeadView const& keys, float alpha, HeadView const& out) {
    for_parts([&](Plan::Part const& part, std::int64_t m, std::int64_t n, MutableMatrix scores) {
      float const beta = &part == &plan_.parts[static_cast<std::size_t>(block_->part_begin)] ? 0 : 1;
      gemm(Layout::nn, m, width_, n, alpha, {scores.data, scores.stride}, keys.from(part.key_begin), beta,
           out.into(part.query_begin));
    });
  }

  // out[c] += alpha · Σ_r values[r,c] · queries[r]
  void scatter(HeadView const& queries, float alpha, HeadView const& out) {
    for_parts([&](Plan::Part const& part, std::int64_t m, std::int64_t n, MutableMatrix scores) {
      gemm(Layout::tn, n, width_, m, alpha, {scores.data, scores.stride}, queries.from(part.query_begin), 1,
           out.into(part.key_begin));
    });
  }

 private:
  template <class Visit>
  void for_parts(Visit visit) {
    for (std::int32_t p = block_->part_begin; p < block_->part_end; ++p) {
      Plan::Part const& part = plan_.parts[static_cast<std::size_t>(p)];
      float* const corner = values_.data_ptr<float>() +
                            std::int64_t{part.query_begin - block_->query_begin} * block_->columns + part.column;
      visit(part, part.query_end - part.query_begin, part.key_end - part.key_begin, {corner, block_->columns});
    }
  }

  Plan const& plan_;
  std::int64_t width_;
  at::Tensor buffer_, values_;
  Plan::Block const* block_ = nullptr;
};

// Visits every tree and key/value head; each pair's sums stay on one thread.
template <class Job>
void for_jobs(Plan const& plan, std::int64_t kv_heads, Job job) {
  auto const jobs = static_cast<std::int64_t>(plan.trees.size()) * kv_heads;
  at::parallel_for(0, jobs, 1, [&](std::int64_t begin, std::int64_t end) {
    at::NoGradGuard const guard;
    for (std::int64_t j = begin; j < end; ++j) job(plan.trees[static_cast<std::size_t>(j / kv_heads)], j % kv_heads);
  });
}

class Attention : public torch::autograd::Function<Attention> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, at::Tensor const& q, at::Tensor const& k,
                            at::Tensor const& v, std::shared_ptr<Plan const> const& plan) {
    std::int64_t const group = q.size(1) / k.size(1);
    auto const scale = static_cast<float>(1 / std::sqrt(static_cast<double>(q.size(2))));
    at::Tensor const out = at::empty(q.sizes(), q.options());
    for_jobs(*plan, k.size(1), [&](Plan::Tree const& tree, std::int64_t g) {
      Scores scores(*plan, q.size(2));
      for (std::int64_t h = g * group; h < (g + 1) * group; ++h)
        for (std::int32_t b = tree.block_begin; b < tree.block_end; ++b) {
          scores.open(plan->blocks[static_cast<std::size_t>(b)]);
          scores.multiply(head_of(q, h), head_of(k, g), scale, minus_infinity);
          at::_softmax_out(scores.values(), scores.values(), -1, false);
          scores.gather(head_of(v, g), 1, head_of(out, h));
        }
    });
    context->save_for_backward({q, k, v});
    context->saved_data["plan"] = c10::IValue::make_capsule(c10::make_intrusive<Holder>(plan));
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list const& gradients) {
    auto const saved = context->get_saved_variables();
    at::Tensor const &q = saved[0], &k = saved[1], &v = saved[2], d_out = gradients[0].contiguous();
    auto const plan = c10::static_intrusive_pointer_cast<Holder>(context->saved_data["plan"].toCapsule())->plan;
    std::int64_t const group = q.size(1) / k.size(1);
    auto const scale = static_cast<float>(1 / std::sqrt(static_cast<double>(q.size(2))));
    at::Tensor const d_q = at::empty(q.sizes(), q.options()), d_k = at::zeros(k.sizes(), k.options()),
                     d_v = at::zeros(v.sizes(), v.options());
    for_jobs(*plan, k.size(1), [&](Plan::Tree const& tree, std::int64_t g) {
      Scores share(*plan, q.size(2)), slope(*plan, q.size(2));
      for (std::int64_t h = g * group; h < (g + 1) * group; ++h)
        for (std::int32_t b = tree.block_begin; b < tree.block_end; ++b) {
          share.open(plan->blocks[static_cast<std::size_t>(b)]);
          slope.open(plan->blocks[static_cast<std::size_t>(b)]);
          share.multiply(head_of(q, h), head_of(k, g), scale, minus_infinity);
          at::_softmax_out(share.values(), share.values(), -1, false);
          share.scatter(head_of(d_out, h), 1, head_of(d_v, g));
          slope.multiply(head_of(d_out, h), head_of(v, g), 1, 0);
          at::_softmax_backward_data_out(slope.values(), slope.values(), share.values(), -1, at::kFloat);
          slope.gather(head_of(k, g), scale, head_of(d_q, h));
          slope.scatter(head_of(q, h), scale, head_of(d_k, g));
        }
    });
    return {d_q, d_k, d_v, at::Tensor()};
  }

 private:
  struct Holder : torch::CustomClassHolder {
    explicit Holder(std::shared_ptr<Plan const> kept) : plan(std::move(kept)) {}
    std::shared_ptr<Plan const> plan;
  };
};

}  // namespace

at::Tensor attend(at::Tensor const& q, at::Tensor const& k, at::Tensor const& v, std::shared_ptr<Plan const> plan) {
  ensure(q.dim() == 3 && k.dim() == 3 && k.sizes() == v.sizes() && q.size(2) == k.size(2) &&
             q.size(1) % k.size(1) == 0 && q.size(0) == static_cast<std::int64_t>(plan->rows.size()),
         "attend: q [queries,H,E], k and v [T,G,E]");
  if (!q.is_cpu()) return attend_by_mask(q, k, v, *plan);
  return Attention::apply(q.contiguous(), k.contiguous(), v.contiguous(), plan).flatten(1);
}

at::Tensor attend_by_mask(at::Tensor const& q, at::Tensor const& k, at::Tensor const& v, Plan const& plan) {
  std::vector<at::Tensor> outputs;
  std::int64_t const group = q.size(1) / k.size(1);
  for (Plan::Tree const& tree : plan.trees) {
    std::int64_t const queries = tree.query_end - tree.query_begin, keys = tree.row_end - tree.row_begin;
    at::Tensor const mask = at::zeros({queries, keys}, at::kBool);
    for (std::int32_t b = tree.block_begin; b < tree.block_end; ++b)
      for (std::int32_t p = plan.blocks[b].part_begin; p < plan.blocks[b].part_end; ++p) {
        Plan::Part const& part = plan.parts[p];
        for (std::int32_t query = part.query_begin; query < part.query_end; ++query) {
          std::int32_t const seen = std::min(part.key_end - part.key_begin, plan.visible[query] - part.column);
          mask[query - tree.query_begin].narrow(0, part.key_begin - tree.row_begin, seen).fill_(true);
        }
      }
    auto const heads = [](at::Tensor const& tensor, std::int64_t begin, std::int64_t count, std::int64_t repeat) {
      return tensor.narrow(0, begin, count).repeat_interleave(repeat, 1).transpose(0, 1).unsqueeze(0);
    };
    outputs.push_back(at::scaled_dot_product_attention(heads(q, tree.query_begin, queries, 1),
                                                       heads(k, tree.row_begin, keys, group),
                                                       heads(v, tree.row_begin, keys, group), mask.to(q.device()))
                          .squeeze(0)
                          .transpose(0, 1)
                          .flatten(1));
  }
  return outputs.empty() ? q.flatten(1) : at::cat(outputs);
}

}  // namespace bsft
