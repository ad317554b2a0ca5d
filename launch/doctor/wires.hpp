// How fast ranks talk: sums over all trainers, and messages between two ranks, by size.
//
//   all-reduce       microseconds of one call, MB/s = bytes of the tensor / that
//   point-to-point   half of a round trip, MB/s = bytes / that
// MB is 10^6 bytes.  A sample is the median of as many repetitions as its share of the time allows (3 to 200, fewer
// only where they would not end in time, after one that is not counted); where the time is over, larger sizes are left
// out on all ranks alike.  Pairs are the first two ranks of each host, then the hosts in a ring, each rank in one pair
// at a time. Collective over the group.  Errors: Failed(peer_lost).
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "launch/doctor/diagnosis.hpp"
#include "launch/doctor/ranks.hpp"
#include "trainer/comm/communicator.hpp"
#include "trainer/comm/job.hpp"

namespace bsft::doctor {

std::vector<std::int64_t> const& wire_sizes();  // bytes

struct Sample {
  std::int64_t bytes = 0;
  double seconds = 0;
  int repetitions = 0;
};

std::vector<Sample> time_all_reduce(Communicator& group, double seconds, at::Device device);

struct Pair {
  int first = 0, second = 0;
  bool one_host = true;
};
// Rounds of pairs; a rank is in at most one pair of a round.
std::vector<std::vector<Pair>> rounds_of(std::vector<RankFacts> const& facts);

struct PairSamples {
  Pair pair;
  std::vector<Sample> samples;
};
// Over MPI.  All pairs on every rank.
std::vector<PairSamples> time_pairs(Job& job, std::vector<RankFacts> const& facts, double seconds);

std::vector<Finding> judge_all_reduce(std::string const& name, std::vector<Sample> const& samples, int ranks);
// The slowest pair of each size, named; a warning where one has less than half of the median rate.
std::vector<Finding> judge_pairs(std::vector<PairSamples> const& pairs, std::vector<RankFacts> const& facts);

}  // namespace bsft::doctor
