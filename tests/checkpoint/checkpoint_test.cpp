#include <gtest/gtest.h>

#include "data/base/error.hpp"
#include "tests/base/scratch.hpp"
#include "tests/checkpoint/small_run.hpp"

namespace bsft {
namespace {

using namespace testing;

TEST(Checkpoint, RestoresTheSameBits) {
  Scratch const scratch("checkpoint");
  save(scratch / "run", 3);
  EXPECT_TRUE(holds(scratch / "run", SmallState(3)));
  EXPECT_FALSE(holds(scratch / "run", SmallState(2)));
  EXPECT_EQ(read_file(scratch / "run" / "LATEST"), "step-00000003\n");
  EXPECT_EQ(fs::status(checkpoint_of(scratch / "run", 3)).permissions(), fs::perms::owner_all);
}

TEST(Checkpoint, GoesByOwnerAndStepNotByStepAlone) {
  Scratch const scratch("checkpoint");
  fs::path const run = scratch / "run";
  save(run, 1);
  save(run, 3);
  save(run, 2);  // somebody went on from step 1
  EXPECT_EQ(published_in_order(run), (std::vector<std::int64_t>{1, 3, 2}));
  EXPECT_TRUE(holds(run, SmallState(2)));
  save(run, 3);  // and came to step 3 again
  EXPECT_TRUE(holds(run, SmallState(3)));
  EXPECT_EQ(published_in_order(run), (std::vector<std::int64_t>{1, 2, 3}));
  for (auto const& entry : fs::directory_iterator(checkpoints_of(run)))
    EXPECT_FALSE(entry.path().filename().string().starts_with(".tmp-")) << entry.path();
}

TEST(Checkpoint, NoneWholeIsAnErrorNotAFreshStart) {
  Scratch const scratch("checkpoint");
  fs::path const run = scratch / "run";
  EXPECT_FALSE(find(run).has_value());
  save(run, 1);
  fs::resize_file(checkpoint_of(run, 1) / "model.safetensors", 1000);
  EXPECT_THROW(find(run), Broken);
  EXPECT_TRUE(fs::exists(checkpoint_of(run, 1).string() + ".corrupt"));
  EXPECT_THROW(find(run), Broken) << "also when it has been put aside";
}

TEST(Checkpoint, AFailedSaveLeavesTheOldOnesAndNothingElse) {
  Scratch const scratch("checkpoint");
  fs::path const run = scratch / "run";
  SmallRun job(run);
  ASSERT_EQ(job.save(SmallState(1)).code, Exit::done);
  SmallState state(2);
  state.files["a/b"] = "no such folder";
  SaveOutcome const outcome = job.save(state);
  EXPECT_EQ(outcome.code, Exit::io);
  EXPECT_NE(outcome.error.find("No such file or directory"), std::string::npos) << outcome.error;
  EXPECT_FALSE(fs::exists(unfinished_of(run, job.claim.owner(), 2)));
  EXPECT_TRUE(holds(run, SmallState(1)));
  EXPECT_EQ(job.save(SmallState(3)).code, Exit::done);
  EXPECT_TRUE(holds(run, SmallState(3)));
}

TEST(Manifest, AnEditedOneIsRefused) {
  Scratch const scratch("checkpoint");
  fs::path const run = scratch / "run";
  save(run, 5);
  fs::path const file = checkpoint_of(run, 5) / manifest_name;
  std::string text = read_file(file);
  text.replace(text.find("\"step\": 5"), 9, "\"step\": 6");
  write_atomically(file, text);
  EXPECT_THROW(read_manifest(checkpoint_of(run, 5)), Broken);
}

TEST(Retention, KeepsTheNewestEveryKthLeasedAndBest) {
  Scratch const scratch("checkpoint");
  fs::path const run = scratch / "run";
  for (std::int64_t const step : {0, 10, 20, 30, 40, 50, 60}) save(run, step);
  for (std::int64_t const step : {0, 20}) {
    fs::create_directories(lease_of(run, step).parent_path());
    write_atomically(lease_of(run, step), "");
  }
  write_atomically(run / "BEST", "step-00000010\n");
  EXPECT_EQ(remove_old(run, {2, 40}), std::vector<std::int64_t>{30});
  EXPECT_EQ(published_steps(run), (std::vector<std::int64_t>{0, 10, 20, 40, 50, 60}));
  fs::remove(lease_of(run, 20));
  EXPECT_EQ(remove_old(run, {0, 0}), (std::vector<std::int64_t>{20, 40, 50})) << "the newest always stays";
}

TEST(Retention, GoesWithASave) {
  Scratch const scratch("checkpoint");
  fs::path const run = scratch / "run";
  for (std::int64_t const step : {1, 2, 3}) save(run, step, {2, 0});
  EXPECT_EQ(published_steps(run), (std::vector<std::int64_t>{2, 3}));
}

}  // namespace
}  // namespace bsft
