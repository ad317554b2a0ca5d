// Times forward and backward of one pass and prints a JSON line; not a test.
//
//   model_step_bench FOLDER|tiny TREES ROOT LEAVES LEAF [REPEATS] [WIDTH] [LAYERS] [FREEZE]
// Forest: TREES trees of a ROOT-token root under which LEAVES leaves of LEAF tokens hang, 4 supervised tokens a leaf.
// gemm_flops counts the matrix products of the linear layers and of the head, forward and backward; peak_gflops is one
// square product of 1024 in the same run.
#include <sys/resource.h>

#include <cstdlib>
#include <ctime>
#include <iostream>
#include <random>

#include "data/base/json.hpp"
#include "kernels/op/torch.hpp"
#include "trainer/model/weights.hpp"

namespace bsft {
namespace {

// Seconds of this thread: other work on the machine does not count.
double now() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Pages that the system gave to this thread.
std::int64_t page_faults() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_minflt;
}

Shape tiny(std::int64_t width, std::int64_t layers) {
  Shape shape;
  shape.family = "llama", shape.vocabulary = 2048, shape.width = width, shape.layers = layers, shape.heads = width / 32;
  shape.kv_heads = shape.heads, shape.head_width = 32, shape.feed_forward = width * 8 / 3 / 16 * 16, shape.tied = true;
  return shape;
}

Forest grow(std::int64_t trees, std::int64_t root, std::int64_t leaves, std::int64_t leaf, std::int64_t vocabulary) {
  std::mt19937 random(1);
  std::vector<Sequence> sequences;
  for (std::int64_t t = 0; t < trees; ++t) {
    std::vector<TokenId> prompt;
    for (std::int64_t i = 0; i < root; ++i) prompt.push_back(static_cast<TokenId>(random() % vocabulary));
    for (std::int64_t l = 0; l < std::max<std::int64_t>(leaves, 1); ++l) {
      Sequence sequence;
      sequence.tokens = prompt;
      for (std::int64_t i = 0; i <= (leaves ? leaf : 0); ++i)
        sequence.tokens.push_back(static_cast<TokenId>(random() % vocabulary));
      auto const size = static_cast<std::int32_t>(sequence.tokens.size());
      for (std::int32_t at = size - 4; at < size; ++at) sequence.targets.push_back({at, sequence.tokens[at], 1});
      sequence.share = t;
      sequences.push_back(sequence);
    }
  }
  return plant(sequences);
}

double peak() {
  at::Tensor const a = at::rand({1024, 1024}), b = at::rand({1024, 1024});
  double best = 0;
  for (int i = 0; i < 8; ++i) {
    double const begin = now();
    at::Tensor const c = at::mm(a, b);
    best = std::max(best, 2.0 * 1024 * 1024 * 1024 / (now() - begin) / 1e9);
  }
  return best;
}

}  // namespace
}  // namespace bsft

int main(int count, char** arguments) {
  using namespace bsft;
  auto const number = [&](int i, std::int64_t otherwise) { return count > i ? std::atoll(arguments[i]) : otherwise; };
  at::set_num_threads(1);
  bool const random = std::string(arguments[1]) == "tiny";
  Shape const shape = random ? tiny(number(7, 192), number(8, 4)) : read_shape(arguments[1]);
  std::string const freeze = count > 9 ? arguments[9] : "none";
  Decoder decoder(shape, {static_cast<TokenId>(shape.vocabulary), static_cast<TokenId>(shape.vocabulary) + 1}, freeze);
  if (random)
    initialise_random(decoder, 1);
  else
    load_weights(decoder, arguments[1]);
  initialise_behavior_rows(decoder, "random", {}, 1);
  Forest const forest = grow(number(2, 12), number(3, 120), number(4, 18), number(5, 12), shape.vocabulary);
  double forward = 1e30, step = 1e30;
  std::int64_t faults = 0;
  for (std::int64_t r = 0; r < number(6, 5); ++r) {
    decoder.flat_gradient().zero_();
    std::int64_t const faults_before = page_faults();
    double const begin = now();
    op::RowLoss const loss = decoder.loss(forest, 1e-3);
    double const middle = now();
    loss.total.backward();
    double const end = now();
    faults = page_faults() - faults_before;
    forward = std::min(forward, middle - begin), step = std::min(step, end - begin);
  }
  auto const tokens = static_cast<double>(forest.tokens.size()), rows = static_cast<double>(forest.supervised.size());
  double const d = shape.width, q = shape.heads * shape.head_width, kv = shape.kv_heads * shape.head_width,
               f = shape.feed_forward;
  double const part_kv = 2 * d * kv, part_q = 2 * d * q + 3 * d * f, layers = shape.layers;
  double const body = tokens * (layers * part_kv + (layers - 1) * part_q) + rows * part_q,
               head = rows * d * shape.vocabulary;
  double const products = 2 * (body + head) * (freeze == "all" ? 2 : 3);
  std::cout << Json{{"bench", "model_step"},
                    {"tokens", tokens},
                    {"supervised", rows},
                    {"forward_s", forward},
                    {"step_s", step},
                    {"tokens_per_s", tokens / step},
                    {"gemm_gflops", products / step / 1e9},
                    {"peak_gflops", peak()},
                    {"gflop", products / 1e9},
                    {"page_faults", faults}}
                   .dump()
            << "\n";
}
