// Several ranks save together; what they write does not depend on how many they are.
#include "trainer/checkpoint/saver.hpp"

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "data/base/error.hpp"
#include "data/base/safetensors.hpp"
#include "tests/base/scratch.hpp"
#include "tests/checkpoint/small_run.hpp"
#include "trainer/comm/threads.hpp"

namespace bsft {
namespace {

using namespace testing;

constexpr int shards = 8;

// On threads as ranks, each with its parts of the moments; `breaks` cannot write.
std::vector<SaveOutcome> save_on(int ranks, fs::path const& run, std::int64_t step, int breaks = -1) {
  RunDirectory const claim(run, Existing::resume);
  sweep_unfinished(run);
  auto const groups = threads_communicators(ranks, Reduction::fast, 4096);
  std::vector<SaveOutcome> outcomes(static_cast<std::size_t>(ranks));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      Communicator& group = *groups[static_cast<std::size_t>(rank)];
      SmallState const whole(step);
      Buckets const buckets = whole.buckets();
      HostCopy copy(*whole.model, buckets, share_of(rank, ranks, shards));
      copy.take(whole.moments());
      std::vector<StagedFile> files = copy.files();
      if (rank == 0)
        for (auto const& [name, content] : whole.files) files.push_back({name, "", {content}});
      if (rank == breaks) files.push_back({"no/folder", "", {}});
      Manifest manifest = whole.manifest;
      manifest.shards = shards;
      Saver saver(group, CheckpointWriter(run, claim.owner()), run, {});
      saver.begin(manifest, files);
      outcomes[static_cast<std::size_t>(rank)] = saver.finish();
    });
  }
  for (std::thread& thread : threads) thread.join();
  return outcomes;
}

FileEntries entries_of(fs::path const& run, std::int64_t step) {
  return open_checkpoint(checkpoint_of(run, step)).manifest.files;
}

TEST(Saver, WritesTheSameFilesOnAnyNumberOfRanks) {
  Scratch const scratch("saver");
  std::map<int, FileEntries> files;
  for (int const ranks : {1, 2, 3, 4, 8}) {  // three do not divide the shards
    fs::path const run = scratch / std::to_string(ranks);
    for (SaveOutcome const& outcome : save_on(ranks, run, 2)) EXPECT_EQ(outcome.code, Exit::done) << outcome.error;
    files[ranks] = entries_of(run, 2);
    EXPECT_TRUE(holds(run, SmallState(2))) << ranks;
    ASSERT_EQ(files[ranks].size(), files[1].size());
    for (auto const& [name, entry] : files[1]) EXPECT_EQ(entry.sha256, files[ranks][name].sha256) << name;
  }
  EXPECT_EQ(files[1].count("training_state-00008-of-00008.safetensors"), 1U);
}

TEST(Saver, WhereOneRankFailsNoneHasSaved) {
  Scratch const scratch("saver");
  fs::path const run = scratch / "run";
  save(run, 1);
  for (int const breaks : {0, 3}) {
    for (SaveOutcome const& outcome : save_on(4, run, 2, breaks)) {
      EXPECT_EQ(outcome.code, Exit::io);
      EXPECT_NE(outcome.error.find("no/folder"), std::string::npos) << outcome.error;
    }
    EXPECT_EQ(published_steps(run), std::vector<std::int64_t>{1});
    for (auto const& entry : fs::directory_iterator(checkpoints_of(run)))
      EXPECT_FALSE(entry.path().filename().string().starts_with(".tmp-")) << entry.path();
  }
}

TEST(StateShards, ARankOfAnyNumberOwnsWholeShards) {
  SmallState const state(0);
  Buckets const buckets = state.buckets();
  ASSERT_GT(buckets.list.size(), 3U);
  for (int const ranks : {1, 2, 4, 8}) {
    for (int rank = 0; rank < ranks; ++rank) {
      Share const share = share_of(rank, ranks, shards);
      std::int64_t numbers = 0, own = 0;
      for (Part const& mine : parts_of(buckets, rank, ranks)) own += mine.end - mine.begin;
      for (int shard = share.first; shard < share.last; ++shard) {
        for (Part const& part : parts_of(buckets, shard, shards)) {
          numbers += part.end - part.begin;
          bool inside = false;
          for (Part const& mine : parts_of(buckets, rank, ranks))
            inside = inside || (mine.begin <= part.begin && part.end <= mine.end);
          EXPECT_TRUE(inside) << "rank " << rank << " of " << ranks << ", shard " << shard;
        }
      }
      EXPECT_EQ(numbers, own);
    }
  }
  EXPECT_EQ(shards_of(8), 8);
  EXPECT_EQ(shards_of(6), 6);
  EXPECT_EQ(shards_of(65'536), 1024);
  EXPECT_EQ(shards_of(1500), 750);
}

TEST(StateShards, WhatIsMissingForeignOrThereTwiceIsRefused) {
  Scratch const scratch("saver");
  fs::path const run = scratch / "run";
  save(run, 2);
  fs::path const folder = checkpoint_of(run, 2), file = folder / shard_name(0, SmallRun::shards);
  SmallState state(0);
  auto const read = [&] { return message_of<Broken>([&] { read_state(*state.model, *state.optimizer, folder, 4); }); };
  EXPECT_EQ(read(), "");
  EXPECT_TRUE(at::equal(state.optimizer->moments().second, SmallState(2).optimizer->moments().second));
  std::vector<TensorView> good;
  std::string const bytes = read_file(file);
  write_atomically(scratch / "good", bytes);
  SafetensorsFile const stored(scratch / "good");
  auto const with = [&](auto change) {
    std::vector<TensorView> tensors = stored.tensors();
    change(tensors);
    write_safetensors(file, tensors, {});
    return read();
  };
  using List = std::vector<TensorView>;
  EXPECT_NE(with([](List& t) { t.pop_back(); }).find("is not there once and whole"), std::string::npos);
  EXPECT_NE(with([](List& t) {  // its first number once more
              t.push_back(t[0]);
              t.back().name.replace(t.back().name.find('['), std::string::npos, "[0:1]");
              t.back().shape = {1};
              t.back().bytes = t.back().bytes.substr(0, 4);
            })
                .find("is not there once and whole"),
            std::string::npos);
  for (char const* name : {"moment1.", "moment3.x[0:4]", "moment1.x[0:4]", "moment1.x[0:", "moment1.x[4:0]", "[0:4]"})
    EXPECT_NE(with([&](List& t) { t[0].name = name; }).find("is no part of this model's state"), std::string::npos)
        << name;
  EXPECT_NE(with([](List& t) {
              t[0].name.replace(t[0].name.find('['), std::string::npos, "[1000000:1000064]");
            }).find("is no part of this model's state"),
            std::string::npos);
}

}  // namespace
}  // namespace bsft
