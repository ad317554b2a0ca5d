// A step whose gradient sets out while the backward still runs, beside the same step that sums at the end.
//   mpirun -np W bench_overlap [WIDTH LAYERS TOKENS STEPS]
// Rank 0 prints a JSON line: seconds (medians of the slowest rank) of the computation alone, of the sum alone, of the
// step with overlap and of the one without, and of one whose weights come behind the next forward (ZeRO-1, whose
// traffic is the same); ratios are of a step over the longer of computation and sum.  "possible" is what the order of
// use allows the last of these at best: max(forward, half the sum) + max(backward, half the sum).  "beside" is the
// computation beside a sum of the same size where neither waits for the other: what the machine's cores leave of it.
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
#include "trainer/loop/weight_gather.hpp"
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

  using Clock = std::chrono::steady_clock;
  auto const since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  double forward = 0;  // s, of the last computation
  auto const compute = [&](Decoder::Visit const& visit) {
    decoder.flat_gradient().zero_();
    auto const start = Clock::now();
    at::Tensor const loss = decoder.loss(forest, 1.0, visit).total;
    forward = since(start);
    loss.backward();
  };
  auto const wires = group->split(0);
  Buckets const buckets = buckets_of(n, decoder.behaviors_begin(), bucket, op::norm_block);
  GradientSum parts(*wires, decoder.gradient_pages(), 1, buckets, Shared::parts);
  WeightGather weights(*wires, decoder, buckets);
  auto const overlap = [&] {
    compute([&](Direction direction, std::int64_t unit) {
      if (direction == Direction::backward) along.ready_from(decoder.final_from(unit));
    });
    along.finish();
  };
  auto const share_out = [&] {
    compute([&](Direction direction, std::int64_t unit) {
      if (direction == Direction::forward)
        weights.enter(unit);
      else
        parts.ready_from(decoder.final_from(unit));
    });
    parts.finish();
    weights.start();
  };
  at::Tensor const other = at::zeros({n});
  auto const beside = [&] {
    std::vector<Pending> pending;
    for (at::Tensor const& part : other.split(bucket / 4)) pending.push_back(wires->all_reduce(part));
    compute({});
    for (Pending& one : pending) one.wait();
  };
  std::vector<std::function<void()>> const works{[&] { compute({}); },
                                                 [&] { after.finish(); },
                                                 overlap,
                                                 share_out,
                                                 [&] {
                                                   compute({});
                                                   after.finish();
                                                 },
                                                 beside};
  // In turn, so that all see the same machine; what share_out leaves under way comes within its next step.
  std::vector<std::vector<double>> seconds(works.size());
  double forwards = 0;                                  // the mean of computation alone, of this rank
  for (std::int64_t step = -1; step < steps; ++step) {  // the first is to warm up
    for (std::size_t w = 0; w < works.size(); ++w) {
      if (w == 3) weights.start();
      group->barrier();
      auto const start = Clock::now();
      works[w]();
      double const mine = since(start);
      if (w == 3) weights.finish();
      double slowest = 0;
      for (std::string const& theirs : group->exchange(std::to_string(mine)))
        slowest = std::max(slowest, std::stod(theirs));
      if (step >= 0) seconds[w].push_back(slowest);
      if (step >= 0 && w == 0) forwards += forward / static_cast<double>(steps);
    }
  }
  auto const median = [&](std::size_t w) {
    std::nth_element(seconds[w].begin(), seconds[w].begin() + steps / 2, seconds[w].end());
    return seconds[w][static_cast<std::size_t>(steps / 2)];
  };
  double const computation = median(0), sum = median(1), overlapped = median(2), shared_out = median(3),
               in_turn = median(4), at_once = median(5);
  double const longer = std::max(computation, sum);
  double const possible = std::max(forwards, sum / 2) + std::max(computation - forwards, sum / 2);
  if (group->rank() == 0)
    std::printf(
        "{\"bench\": \"overlap\", \"ranks\": %d, \"parameters\": %lld, \"tokens\": %lld, \"computation\": %.3f, "
        "\"sum\": %.3f, \"overlapped\": %.3f, \"shared_out\": %.3f, \"in_turn\": %.3f, \"ratio\": %.3f, "
        "\"shared_out_ratio\": %.3f, \"in_turn_ratio\": %.3f, "
        "\"possible_ratio\": %.3f, \"beside\": %.3f, \"beside_ratio\": %.3f, \"unit\": \"s\"}\n",
        group->size(), static_cast<long long>(n), static_cast<long long>(tokens), computation, sum, overlapped,
        shared_out, in_turn, overlapped / longer, shared_out / longer, in_turn / longer, possible / longer, at_once,
        at_once / longer);
  return 0;
}
