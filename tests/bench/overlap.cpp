// A step whose gradient sets out while the backward still runs, beside the same step that sums at the end.
//   mpirun -np W bench_overlap [WIDTH LAYERS TOKENS STEPS]
// Rank 0 prints a JSON line: seconds (medians of the slowest rank) of the computation alone, of the sum alone, of the
// step with overlap and of the one without; ratio is the step with overlap over the longer of computation and sum.
// tests/bench/overlap.sh runs it over links of a known speed.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <vector>

#include "trainer/comm/job.hpp"
#include "trainer/loop/gradient_sum.hpp"
#include "trainer/model/weights.hpp"

namespace {

using namespace bsft;

Forest records_of(std::int64_t tokens, std::int64_t vocabulary, int rank) {
  std::mt19937 random(static_cast<unsigned>(rank) + 1);
  std::vector<Sequence> sequences;
  for (std::int64_t left = tokens; left > 0; left -= 256) {
    Sequence sequence;
    for (std::int64_t i = 0; i < std::min<std::int64_t>(left, 256); ++i)
      sequence.tokens.push_back(static_cast<TokenId>(random() % static_cast<unsigned>(vocabulary)));
    auto const size = static_cast<std::int32_t>(sequence.tokens.size());
    for (std::int32_t at = size - std::min(size, 4); at < size; ++at)
      sequence.targets.push_back({at, sequence.tokens[static_cast<std::size_t>(at)], 1});
    sequences.push_back(sequence);
  }
  return plant(sequences);
}

}  // namespace

int main(int count, char** arguments) {
  auto const number = [&](int place, std::int64_t otherwise) {
    return place < count ? std::atoll(arguments[place]) : otherwise;
  };
  std::int64_t const width = number(1, 320), layers = number(2, 8), tokens = number(3, 1024), steps = number(4, 9);
  auto const job = Job::over_mpi();
  auto const group = job->split(0, Reduction::exact);
  at::set_num_threads(1);
  Shape shape;
  shape.family = "llama", shape.vocabulary = 1024, shape.width = width, shape.layers = layers, shape.heads = width / 32;
  shape.kv_heads = shape.heads, shape.head_width = 32, shape.feed_forward = width * 8 / 3 / 16 * 16, shape.tied = true;
  Decoder decoder(shape, {0, 1}, "none");
  initialise_random(decoder, 1);
  Forest const forest = records_of(tokens, shape.vocabulary, group->rank());
  std::int64_t const n = decoder.flat().numel();
  constexpr std::int64_t bucket = 4 << 20;
  GradientSum along(*group, decoder.gradient_pages(), 1,
                    buckets_of(n, decoder.behaviors_begin(), bucket, op::norm_block), Shared::whole);
  GradientSum after(*group, decoder.gradient_pages(), 1, buckets_of(n, 0, bucket, op::norm_block), Shared::whole);

  auto const compute = [&](Decoder::Visit const& visit) {
    decoder.flat_gradient().zero_();
    decoder.loss(forest, 1.0, visit).total.backward();
  };
  auto const median = [&](std::function<void()> const& work) {
    std::vector<double> seconds;
    for (std::int64_t step = -1; step < steps; ++step) {  // the first is to warm up
      group->barrier();
      auto const start = std::chrono::steady_clock::now();
      work();
      double const mine = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      double slowest = 0;
      for (std::string const& theirs : group->exchange(std::to_string(mine)))
        slowest = std::max(slowest, std::stod(theirs));
      if (step >= 0) seconds.push_back(slowest);
    }
    std::nth_element(seconds.begin(), seconds.begin() + steps / 2, seconds.end());
    return seconds[static_cast<std::size_t>(steps / 2)];
  };
  double const computation = median([&] { compute({}); });
  double const sum = median([&] { after.finish(); });
  double const overlapped = median([&] {
    compute([&](Direction direction, std::int64_t unit) {
      if (direction == Direction::backward) along.ready_from(decoder.final_from(unit));
    });
    along.finish();
  });
  double const in_turn = median([&] {
    compute({});
    after.finish();
  });
  if (group->rank() == 0)
    std::printf(
        "{\"bench\": \"overlap\", \"ranks\": %d, \"parameters\": %lld, \"tokens\": %lld, \"computation\": %.3f, "
        "\"sum\": %.3f, \"overlapped\": %.3f, \"in_turn\": %.3f, \"ratio\": %.3f, \"in_turn_ratio\": %.3f, "
        "\"unit\": \"s\"}\n",
        group->size(), static_cast<long long>(n), static_cast<long long>(tokens), computation, sum, overlapped, in_turn,
        overlapped / std::max(computation, sum), in_turn / std::max(computation, sum));
  return 0;
}
