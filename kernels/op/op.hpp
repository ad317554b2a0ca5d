// The ops that the model, the loss and the optimizer use: shape, dtype and device checks, autograd, and two paths.
//
// Path::fused runs the bodies of kernels/body on CPU or CUDA; Path::reference composes plain libtorch
// (op/reference.cpp) and is the oracle of the tests.  Every op works on both; gradients too.
// Shape letters: T tokens, D width, H heads, E head width, F feed-forward width, V vocabulary, K behaviours, R rows.
// A wrong shape, dtype, device or an id out of range throws Invalid naming the argument (ids that lie on a device are
// not looked at: there such a row becomes NaN).  At most 128 behaviour ids.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

namespace bsft::op {

enum class Path { fused, reference };
void use(Path path);  // process-wide; set once at start
Path path();

// How far the tokens' behaviour rows are turned towards another's, for generation: (1 - share) rows[k] + share
// rows[toward].   toward [T] int64, a behaviour or -1, share [T] fp32 in [0,1]; plain tokens' are not looked at.
struct Dials {
  at::Tensor toward, share;
};

// y[t] = rows[k] where ids[t] = behavior_ids[k], else base[ids[t]].
//   ids [T] int64, base [V,D], rows [K,D], behavior_ids [K] int64 on the CPU (may be >= V)  ->  [T,D]
// The gradient of base is written only where base requires it.  With base_gradient [V,D] it is added there, to the rows
// that ids touch, and base gets none through autograd: no V x D zeros, no V x D sum.
// No gradient passes dials: Invalid where one is wanted.
at::Tensor behavior_embedding(at::Tensor const& ids, at::Tensor const& base, at::Tensor const& rows,
                              at::Tensor const& behavior_ids, at::Tensor const& base_gradient = {},
                              Dials const& dials = {});

struct RowLoss {
  at::Tensor total;     // scalar fp32: sum over r of weights[r] * loss[r]; carries the gradient
  at::Tensor loss;      // [R] fp32: -log p(target)
  at::Tensor correct;   // [R] bool: the target is the argmax
  at::Tensor entropy;   // [R] fp32, nats
  at::Tensor behavior;  // [R] bool: the target is a behaviour token, a channel of its own in what is reported
};

// Cross-entropy over the vocabulary whose columns behavior_ids are replaced by the behaviour rows' logits.
//   base_logits [R,V], behavior_logits [R,K], behavior_ids [K] int64 on the CPU, targets [R] int64, weights [R] fp32
// Exactly zero loss and gradient where R = 0 or all weights are 0.  Correct: the target is the first of the largest.
// Where a gradient is needed, forward overwrites base_logits with it (a matrix product does not mind; an op whose own
// backward needs its output would): a leaf or a view is copied first.  backward() works once.
RowLoss masked_cross_entropy(at::Tensor const& base_logits, at::Tensor const& behavior_logits,
                             at::Tensor const& behavior_ids, at::Tensor const& targets, at::Tensor const& weights);

// Where a head's gradients are added in place of going through autograd; undefined: through autograd.
struct HeadGradients {
  at::Tensor head;           // [V,D] of head's dtype or fp32
  at::Tensor behavior_head;  // [K,D] likewise
};

// masked_cross_entropy of hidden headᵀ and hidden behavior_headᵀ without a tensor [R,V]: `chunk_rows` rows at a time
// (0: as many as make 64 MiB of fp32, at least 256) are projected, turned into their gradient in place and multiplied
// on, so forward has done the whole work of backward and one buffer of logits serves all.
//   hidden [R,D], head [V,D], behavior_head [K,D] of one dtype; the rest as above
// Logits have hidden's dtype; products accumulate in fp32, and so do the heads' gradients over chunks (a bf16 `into` is
// rounded at each).  A head that requires no gradient costs none.
// `into` is added to in forward, where gradients are enabled, and cannot be rescaled later: with it total's own
// gradient must be 1 (Invalid naming total; on a device NaN), a factor belongs in weights.  Without it any factor will
// do. backward() works once.
RowLoss masked_linear_cross_entropy(at::Tensor const& hidden, at::Tensor const& head, at::Tensor const& behavior_head,
                                    at::Tensor const& behavior_ids, at::Tensor const& targets,
                                    at::Tensor const& weights, HeadGradients const& into = {},
                                    std::int64_t chunk_rows = 0);

// y = x / sqrt(mean(x^2) + eps) * weight.     x [T,D], weight [D]
at::Tensor rms_norm(at::Tensor const& x, at::Tensor const& weight, double eps);

struct Normed {
  at::Tensor sum;     // [T,D]: x + residual, or x itself
  at::Tensor normal;  // [T,D]: rms_norm(sum)
};
// The norm at a fork of the residual stream: what it normalises goes on as `sum`, and in the backward the gradients of
// both are added where they are made.  residual [T,D], may be undefined.
Normed passing_rms_norm(at::Tensor const& x, at::Tensor const& residual, at::Tensor const& weight, double eps);

// Where a head's pairs (a, b) lie: halves (Llama and Qwen2 in transformers), or next to each other (the original).
enum class RopeLayout { halves, interleaved };

// Rotary embedding: (a cos - b sin, b cos + a sin) for each pair.
//   x [T,H,E], cosine and sine [T,E/2] fp32
at::Tensor rope(at::Tensor const& x, at::Tensor const& cosine, at::Tensor const& sine,
                RopeLayout layout = RopeLayout::halves);

// silu(gate) * up.      both [T,F]
at::Tensor swiglu(at::Tensor const& gate, at::Tensor const& up);

// x factor in the other storage: fp32 becomes bf16 (to nearest, ties to even), bf16 becomes fp32.  No gradient.
//   x any shape, factor [1] fp32 where x lies
at::Tensor cast_scale(at::Tensor const& x, at::Tensor const& factor);

struct AdamW {
  double learning_rate, beta1, beta2, epsilon, weight_decay;
  std::int64_t step;      // 1 at the first update
  double gradient_scale;  // the clip factor, folded in
};
// One update of a contiguous range.  parameter, gradient, moment1, moment2 [n] fp32, in place.
// Formula and order as torch.optim.AdamW.
void adamw(at::Tensor const& parameter, at::Tensor const& gradient, at::Tensor const& moment1,
           at::Tensor const& moment2, AdamW const& settings);

// Sums of squares of blocks of norm_block elements, each in a fixed order in fp64: [blocks] fp64 on the host.
//   x [n] fp32 contiguous
constexpr std::int64_t norm_block = 32768;
at::Tensor block_squares(at::Tensor const& x);
// Their sum, in order; the second of x's own.
double sum_in_order(at::Tensor const& squares);
double squared_norm(at::Tensor const& x);

}  // namespace bsft::op
