// 1,000 mutations of a checkpoint's files: each is found, and the checkpoint before it is taken.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <thread>

#include "data/base/digest.hpp"
#include "tests/base/scratch.hpp"
#include "tests/checkpoint/small_run.hpp"

namespace bsft {
namespace {

using namespace testing;

constexpr std::uint64_t seed = 7;

// Another content than `good`, or none where the file goes.
std::optional<std::string> mutated(std::string const& kind, std::string good, std::uint64_t trial) {
  std::size_t const at = mix(seed, trial, 1) % good.size();
  auto const byte = [&](std::uint64_t i) { return static_cast<char>(mix(seed, trial, 2, i)); };
  if (kind == "bit") good[at] = static_cast<char>(good[at] ^ (1 << mix(seed, trial, 3) % 8));
  if (kind == "cut") good.resize(at);
  if (kind == "longer") good.append(1 + mix(seed, trial, 3) % 64, byte(0));
  if (kind == "zeros")
    for (std::size_t i = at; i < good.size() && i < at + 4096; ++i) good[i] = 0;
  if (kind == "noise")
    for (std::size_t i = at; i < good.size() && i < at + 16; ++i) good[i] = byte(i);
  if (kind == "moved") good = good.substr(at) + good.substr(0, at);
  if (kind == "gone") return std::nullopt;
  return good;
}

TEST(Damage, AThousandMutationsAreFound) {
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  Scratch const scratch("damage");
  fs::path const run = scratch / "run", victim = checkpoint_of(run, 2);
  save(run, 1);
  save(run, 2);
  std::vector<std::string> files;
  for (auto const& entry : fs::directory_iterator(victim)) files.push_back(entry.path().filename().string());
  std::sort(files.begin(), files.end());
  ASSERT_GT(files.size(), 8U);
  std::vector<std::string> const kinds{"bit", "cut", "longer", "zeros", "noise", "moved", "gone", "link"};
  std::map<std::string, int> done;
  for (std::uint64_t trial = 0; done["all"] < 1000; ++trial) {
    // Every other one is of a shard or of the manifest.
    std::string name = files[mix(seed, trial, 4) % files.size()];
    if (trial % 4 == 1) name = manifest_name;
    if (trial % 4 == 3) name = shard_name(static_cast<int>(mix(seed, trial, 5) % SmallRun::shards), SmallRun::shards);
    std::string const kind = kinds[mix(seed, trial, 6) % kinds.size()];
    fs::path const file = victim / name;
    std::string const good = read_file(file);
    auto const bad = mutated(kind, good, trial);
    if (bad == good && kind != "link") continue;
    fs::remove(file);
    if (kind == "link") {
      write_atomically(scratch / "elsewhere", good);
      fs::create_symlink(scratch / "elsewhere", file);
    } else if (bad) {
      write_atomically(file, *bad);
    }
    std::vector<std::string> warnings;
    auto const found = find(run, &warnings);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->manifest.step, 1) << kind << " of " << name << ", trial " << trial;
    ASSERT_EQ(warnings.size(), 1U) << kind << " of " << name << ", trial " << trial;
    EXPECT_NE(warnings.front().find(name), std::string::npos) << warnings.front();
    ASSERT_TRUE(fs::exists(victim.string() + ".corrupt"));
    fs::rename(victim.string() + ".corrupt", victim);
    fs::remove(file);
    write_atomically(file, good);
    ++done[kind];
    ++done["all"];
  }
  EXPECT_TRUE(holds(run, SmallState(2))) << "put right again, it is taken";
  for (auto const& [kind, count] : done) std::printf("  %s: %d found\n", kind.c_str(), count);
}

// What a client of NFS may see for a moment after another host's rename.
TEST(Damage, WhatIsStaleIsReadAgain) {
  Scratch const scratch("damage");
  fs::path const run = scratch / "run", file = checkpoint_of(run, 2) / "model.safetensors";
  save(run, 1);
  save(run, 2);
  std::string const good = read_file(file);
  std::vector<std::string> warnings;
  auto const warn = [&](std::string const& line) { warnings.push_back(line); };
  auto const find_in = [&](int tries) {
    return find_checkpoint(run, warn, Tries{tries, std::chrono::milliseconds(400)});
  };

  write_atomically(file, good.substr(1));
  {
    std::jthread const other([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      write_atomically(file, good);
    });
    EXPECT_EQ(find_in(25)->manifest.step, 2);
  }
  EXPECT_TRUE(warnings.empty());
  write_atomically(file, good.substr(1));
  EXPECT_EQ(find_in(2)->manifest.step, 1) << "it stays damaged";
  EXPECT_EQ(warnings.size(), 1U);
}

TEST(Damage, OnlyFileSystemsOfSeveralHostsAreTriedAgain) {
  EXPECT_EQ(tries_on(0x6969).most, 5);  // NFS
  EXPECT_GE(tries_on(0x6969).most * tries_on(0x6969).pause, std::chrono::seconds(10));
  EXPECT_EQ(tries_on(static_cast<int>(0xff534d42)).most, 5) << "CIFS, whose number is negative in 32 bits";
  EXPECT_EQ(tries_on(0xef53).most, 1);  // ext4
}

}  // namespace
}  // namespace bsft
