// A damaged file is an error that names a dataset or the file, never a crash, a hang or other data.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "tests/base/scratch.hpp"
#include "tests/store/sample.hpp"

namespace bsft {
namespace {

constexpr int records = 24;
enum Outcome { same = 0, refused = 10, other_data = 20, odd_error = 30 };

// Reads everything there is and compares; in a child, so that a crash is seen and not shared.
int outcome_of(std::filesystem::path const& file) {
  try {
    StoreReader const reader(file);
    reader.require_certificate();
    if (reader.records().size() != records) return other_data;
    for (int i = 0; i < records; ++i) {
      auto const [record, encoded] = sample(i);
      auto const row = reader.read(i);
      if (row.tokens != encoded.row.tokens || row.weights != encoded.row.weights) return other_data;
      if (reader.text(i) != to_json_line(record) || reader.bytes_of(row.tokens) != sample_text(row.tokens))
        return other_data;
    }
    return same;
  } catch (Error const& error) {
    std::string const what = error.what();
    bool const named = what.find(file.string()) == 0 && (error.code() == Exit::data);
    return named ? refused : odd_error;
  }
}

void write(std::filesystem::path const& file, std::string const& bytes) {
  std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// BSFT_DAMAGE_TRIALS for a longer hunt.
std::uint64_t trials_or(std::uint64_t usual) {
  char const* const asked = std::getenv("BSFT_DAMAGE_TRIALS");
  return asked == nullptr ? usual : std::strtoull(asked, nullptr, 10);
}

std::string run_child(std::filesystem::path const& file) {
  pid_t const child = ::fork();
  if (child == 0) {
    ::alarm(60);
    ::_exit(outcome_of(file));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  switch (WEXITSTATUS(status)) {
    case same:
      return "same";
    case refused:
      return "refused";
    case other_data:
      return "other data";
    default:
      return "odd error";
  }
}

TEST(Damage, FlippedBitsAreRefusedOrHarmless) {
  Scratch const scratch("damage");
  write_sample(scratch / "a.h5", records);
  auto const good = read_file(scratch / "a.h5");
  std::map<std::string, std::uint64_t> seen;
  auto const trials = trials_or(600);
  for (std::uint64_t trial = 0; trial < trials; ++trial) {
    auto bad = good;
    auto const at = mix(1, trial) % bad.size();
    bad[at] = static_cast<char>(bad[at] ^ (1 << mix(2, trial) % 8));
    write(scratch / "b.h5", bad);
    auto const outcome = run_child(scratch / "b.h5");
    ++seen[outcome];
    EXPECT_TRUE(outcome == "refused" || outcome == "same") << outcome << ": a flip at byte " << at;
  }
  EXPECT_GT(seen["refused"], trials / 4) << "hardly any flip was seen";
  for (auto const& [outcome, count] : seen)
    std::printf("  %s: %llu\n", outcome.c_str(), static_cast<unsigned long long>(count));
}

TEST(Damage, OverwrittenBytesAreRefusedOrHarmless) {
  Scratch const scratch("damage");
  write_sample(scratch / "a.h5", records);
  auto const good = read_file(scratch / "a.h5");
  for (std::uint64_t trial = 0; trial < trials_or(200); ++trial) {
    auto bad = good;
    auto const at = mix(3, trial) % bad.size();
    for (std::uint64_t i = 0; i < 1 + mix(4, trial) % 16 && at + i < bad.size(); ++i)
      bad[at + i] = static_cast<char>(mix(5, trial, i));
    write(scratch / "b.h5", bad);
    auto const outcome = run_child(scratch / "b.h5");
    EXPECT_TRUE(outcome == "refused" || outcome == "same") << outcome << " at byte " << at;
  }
}

TEST(Damage, ATruncatedFileIsRefused) {
  Scratch const scratch("damage");
  write_sample(scratch / "a.h5", records);
  auto const good = read_file(scratch / "a.h5");
  for (std::uint64_t trial = 0; trial < 120; ++trial) {
    auto const length = trial < 20 ? trial : trial < 40 ? good.size() - (trial - 19) : mix(6, trial) % good.size();
    write(scratch / "b.h5", good.substr(0, length));
    EXPECT_EQ(run_child(scratch / "b.h5"), "refused") << length << " of " << good.size() << " bytes";
  }
}

}  // namespace
}  // namespace bsft
