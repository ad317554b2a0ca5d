#include "data/base/error.hpp"
#include "tests/kernels/cases.hpp"

namespace bsft::test {
namespace {

// Runs f, which must throw Invalid in one line that names the argument; nothing else may come out.
void refuses(char const* argument, std::function<void()> const& f) {
  for (auto path : {op::Path::reference, op::Path::fused}) {
    With const with(path);
    try {
      f();
      ADD_FAILURE() << argument << ": accepted";
    } catch (Invalid const& error) {
      std::string const line = error.what();
      EXPECT_NE(line.find(std::string(": ") + argument), std::string::npos) << line;
      EXPECT_EQ(line.find('\n'), std::string::npos) << line;
      EXPECT_EQ(error.code(), Exit::data);
    }
  }
}

at::Tensor ints(std::vector<std::int64_t> const& values) { return at::tensor(values, at::kLong); }

TEST(Refusals, behavior_embedding) {
  auto const base = random({5, 4}, 1), rows = random({1, 4}, 1), known = ints({9});
  auto const call = [](auto... argument) { op::behavior_embedding(argument...); };
  refuses("ids", [&] { call(ints({5}), base, rows, known); });
  refuses("ids", [&] { call(ints({-1}), base, rows, known); });
  refuses("ids", [&] { call(ints({1}).to(at::kInt), base, rows, known); });
  refuses("ids", [&] { call(ints({1}).unsqueeze(0), base, rows, known); });
  refuses("base", [&] { call(ints({1}), base.to(at::kDouble), rows, known); });
  refuses("base", [&] { call(ints({1}), base[0], rows, known); });
  refuses("rows", [&] { call(ints({1}), base, random({2, 4}, 1), known); });
  refuses("rows", [&] { call(ints({1}), base, random({1, 3}, 1), known); });
  refuses("rows", [&] { call(ints({1}), base, rows.to(at::kBFloat16), known); });
  refuses("behavior_ids", [&] { call(ints({1}), base, rows, ints({-2})); });
  refuses("behavior_ids", [&] { call(ints({1}), base, random({2, 4}, 1), ints({3, 3})); });
  refuses("behavior_ids", [&] { call(ints({1}), base, random({129, 4}, 1), at::arange(129)); });
  refuses("base_gradient", [&] { call(ints({1}), base, rows, known, random({4, 4}, 1)); });
  refuses("base_gradient", [&] { call(ints({1}), base, rows, known, random({4, 5}, 1).t()); });
}

TEST(Refusals, dials) {
  auto const base = random({5, 4}, 1), rows = random({2, 4}, 1), known = ints({9, 10}), ids = ints({9, 1});
  auto const call = [&](at::Tensor const& toward, at::Tensor const& share) {
    op::behavior_embedding(ids, base, rows, known, {}, {toward, share});
  };
  auto const half = at::full({2}, 0.5f);
  refuses("dials.toward", [&] { call(ints({2, -1}), half); });
  refuses("dials.toward", [&] { call(ints({-2, -1}), half); });
  refuses("dials.toward", [&] { call(ints({1}), half); });
  refuses("dials.toward", [&] { call(ints({1, 1}).to(at::kInt), half); });
  refuses("dials.share", [&] { call(ints({1, -1}), half * 3); });
  refuses("dials.share", [&] { call(ints({1, -1}), half * NAN); });
  refuses("dials.share", [&] { call(ints({1, -1}), at::full({3}, 0.5f)); });
  auto const trained = rows.clone().requires_grad_();
  refuses("dials", [&] { op::behavior_embedding(ids, base, trained, known, {}, {ints({1, -1}), half}); });
}

TEST(Refusals, masked_cross_entropy) {
  auto const z = random({2, 5}, 1), b = random({2, 1}, 1), known = ints({9}), t = ints({1, 9}), w = random({2}, 1);
  auto const call = [](auto... argument) { op::masked_cross_entropy(argument...); };
  refuses("base_logits", [&] { call(z.to(at::kDouble), b, known, t, w); });
  refuses("base_logits", [&] { call(z[0], b, known, t, w); });
  refuses("base_logits", [&] { call(at::Tensor(), b, known, t, w); });
  refuses("behavior_logits", [&] { call(z, random({2, 2}, 1), known, t, w); });
  refuses("behavior_logits", [&] { call(z, random({1, 1}, 1), known, t, w); });
  refuses("targets", [&] { call(z, b, known, ints({1, 5}), w); });
  refuses("targets", [&] { call(z, b, known, ints({1, -100}), w); });
  refuses("targets", [&] { call(z, b, known, ints({1}), w); });
  refuses("weights", [&] { call(z, b, known, t, random({3}, 1)); });
  refuses("weights", [&] { call(z, b, known, t, w.to(at::kDouble)); });
}

TEST(Refusals, masked_linear_cross_entropy) {
  auto const h = random({2, 4}, 1), w = random({5, 4}, 1), b = random({1, 4}, 1), known = ints({9}), t = ints({1, 9}),
             weights = random({2}, 1);
  auto const call = [&](at::Tensor const& hidden, at::Tensor const& head, at::Tensor const& behavior_head,
                        at::Tensor const& targets, at::Tensor const& row_weights, op::HeadGradients const& into = {},
                        std::int64_t chunk = 0) {
    op::masked_linear_cross_entropy(hidden, head, behavior_head, known, targets, row_weights, into, chunk);
  };
  auto const elsewhere = [](at::Tensor const& x) { return at::empty_like(x, at::TensorOptions(at::kMeta)); };
  refuses("hidden", [&] { call(h.to(at::kDouble), w, b, t, weights); });
  refuses("hidden", [&] { call(h[0], w, b, t, weights); });
  refuses("hidden", [&] { call(at::Tensor(), w, b, t, weights); });
  refuses("head", [&] { call(h, w.to(at::kBFloat16), b, t, weights); });
  refuses("head", [&] { call(h, random({5, 3}, 1), b, t, weights); });
  refuses("head", [&] { call(h, random({0, 4}, 1), b, t, weights); });
  refuses("head", [&] { call(h, elsewhere(w), b, t, weights); });
  refuses("behavior_head", [&] { call(h, w, random({2, 4}, 1), t, weights); });
  refuses("behavior_head", [&] { call(h, w, b.to(at::kBFloat16), t, weights); });
  refuses("behavior_head", [&] { call(h, w, elsewhere(b), t, weights); });
  refuses("targets", [&] { call(h, w, b, ints({1, 5}), weights); });
  refuses("targets", [&] { call(h, w, b, ints({1, -100}), weights); });
  refuses("targets", [&] { call(h, w, b, ints({1}), weights); });
  refuses("targets", [&] { call(h, w, b, t.to(at::kInt), weights); });
  refuses("targets", [&] { call(h, w, b, elsewhere(t), weights); });
  refuses("weights", [&] { call(h, w, b, t, random({3}, 1)); });
  refuses("weights", [&] { call(h, w, b, t, weights.to(at::kDouble)); });
  refuses("weights", [&] { call(h, w, b, t, elsewhere(weights)); });
  refuses("into.head", [&] { call(h, w, b, t, weights, {random({4, 4}, 1), {}}); });
  refuses("into.head", [&] { call(h, w, b, t, weights, {w.to(at::kBFloat16), {}}); });
  refuses("into.head", [&] { call(h, w, b, t, weights, {elsewhere(w), {}}); });
  refuses("into.behavior_head", [&] { call(h, w, b, t, weights, {{}, random({1, 3}, 1)}); });
  refuses("chunk_rows", [&] { call(h, w, b, t, weights, {}, -1); });
}

TEST(Refusals, rms_norm_rope_swiglu) {
  auto const x = random({3, 4}, 1);
  refuses("x", [&] { op::rms_norm(x.to(at::kLong), random({4}, 1), 1e-5); });
  refuses("weight", [&] { op::rms_norm(x, random({3}, 1), 1e-5); });
  refuses("eps", [&] { op::rms_norm(x, random({4}, 1), -1); });
  refuses("x", [&] { op::rope(random({2, 1, 3}, 1), random({2, 1}, 1), random({2, 1}, 1)); });
  refuses("cosine", [&] { op::rope(random({2, 1, 4}, 1), random({2, 1}, 1), random({2, 2}, 1)); });
  refuses("sine", [&] { op::rope(random({2, 1, 4}, 1), random({2, 2}, 1), random({1, 2}, 1)); });
  refuses("x", [&] { op::passing_rms_norm(x[0], {}, random({4}, 1), 1e-5); });
  refuses("residual", [&] { op::passing_rms_norm(x, random({3, 5}, 1), random({4}, 1), 1e-5); });
  refuses("residual", [&] { op::passing_rms_norm(x, x.to(at::kBFloat16), random({4}, 1), 1e-5); });
  refuses("weight", [&] { op::passing_rms_norm(x, {}, random({5}, 1), 1e-5); });
  refuses("eps", [&] { op::passing_rms_norm(x, {}, random({4}, 1), NAN); });
  refuses("x", [&] { op::cast_scale(x.to(at::kDouble), random({1}, 1)); });
  refuses("factor", [&] { op::cast_scale(x, random({2}, 1)); });
  refuses("factor", [&] { op::cast_scale(x, random({1}, 1).to(at::kDouble)); });
  refuses("up", [&] { op::swiglu(x, random({3, 5}, 1)); });
  refuses("up", [&] { op::swiglu(x, x.to(at::kBFloat16)); });
  refuses("gate", [&] { op::swiglu(x.unsqueeze(0), x); });
}

TEST(Refusals, adamw_and_squared_norm) {
  auto const p = random({4}, 1);
  op::AdamW settings{1e-3, 0.9, 0.999, 1e-8, 0, 1, 1};
  refuses("parameter", [&] { op::adamw(p.to(at::kDouble), p, p, p, settings); });
  refuses("gradient", [&] { op::adamw(p, random({5}, 1), p, p, settings); });
  refuses("moment2", [&] { op::adamw(p, p, p, random({4, 2}, 1).select(1, 0), settings); });
  settings.step = 0;
  refuses("settings.step", [&] { op::adamw(p, p, p, p, settings); });
  refuses("x", [&] { op::squared_norm(random({2, 2}, 1)); });
  refuses("x", [&] { op::squared_norm(random({4, 2}, 1).select(1, 0)); });
}

}  // namespace
}  // namespace bsft::test
