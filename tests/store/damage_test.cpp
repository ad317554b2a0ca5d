// A damaged file is an error that names a dataset or the file, never a crash, a hang or other data.
#include <gtest/gtest.h>
#include <hdf5.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <tuple>

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
      if (reader.certificate() != Audit().to_json(reader.catalog().data_digest)) return other_data;
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
  auto const trials = trials_or(500);
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

// Byte of the file in the middle of a chunk.
std::size_t middle_of(std::filesystem::path const& path, char const* dataset, std::uint64_t first_element) {
  hid_t const file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  hid_t const id = H5Dopen2(file, dataset, H5P_DEFAULT);
  hsize_t const at = first_element;
  hsize_t size = 0;
  haddr_t address = 0;
  unsigned skipped = 0;
  EXPECT_GE(H5Dget_chunk_info_by_coord(id, &at, &skipped, &address, &size), 0) << dataset;
  H5Dclose(id);
  H5Fclose(file);
  return address + size / 2;
}

// With many chunks: the message has the very records that reach into the damaged one; all others are read.
TEST(Damage, ADamagedChunkNamesItsRecords) {
  constexpr int many = 6000;
  Scratch const scratch("damage");
  write_sample(scratch / "a.h5", many);
  auto const good = read_file(scratch / "a.h5");
  auto const offsets = [&](bool text) {
    StoreReader const reader(scratch / "a.h5");
    std::vector<std::int64_t> out{0};
    for (int i = 0; i < many; ++i)
      out.push_back(out.back() +
                    (text ? static_cast<std::int64_t>(reader.text(i).size()) : reader.records()[i].length));
    return out;
  };
  struct Place {
    char const* dataset;
    std::int64_t chunk;  // elements
  };
  for (auto const& [dataset, chunk] : {Place{"tokens", 16384}, Place{"weights", 16384}, Place{"text", 65536}}) {
    auto const rows = offsets(dataset == std::string("text"));
    for (std::int64_t number = 0; number * chunk < rows.back(); number += 2) {
      std::int64_t const begin = number * chunk, end = std::min(begin + chunk, rows.back());
      std::int64_t first = 0, last = 0;
      for (int i = 0; i < many; ++i) {
        if (rows[i] <= begin) first = i;
        if (rows[i] < end) last = i;
      }
      auto bad = good;
      bad[middle_of(scratch / "a.h5", dataset, static_cast<std::uint64_t>(begin))] ^= 4;
      write(scratch / "b.h5", bad);
      StoreReader const reader(scratch / "b.h5");
      auto const found = reader.damage(Rows::tokens_and_text);
      ASSERT_EQ(found.size(), 1u) << dataset << " " << number;
      EXPECT_EQ(found[0].dataset, dataset);
      EXPECT_EQ(std::tie(found[0].chunk, found[0].first_record, found[0].last_record), std::tie(number, first, last));
      std::string const says = (scratch / "b.h5").string() + ": dataset " + dataset + ", chunk " +
                               std::to_string(number) + ", records " + std::to_string(first) + " to " +
                               std::to_string(last) + " (";
      EXPECT_EQ(found[0].line.find(says), 0u) << found[0].line;
      auto const read = [&](std::int64_t record) {
        return dataset == std::string("text") ? reader.text(record).size() : reader.read(record).tokens.size();
      };
      for (std::int64_t const record : {first, (first + last) / 2, last})
        EXPECT_EQ(message_of<Broken>([&] { read(record); }), found[0].line);
      if (first > 0) EXPECT_GT(read(first - 1), 0u);
      if (last + 1 < many) EXPECT_GT(read(last + 1), 0u);
      std::size_t shared = 0;  // however many share the work
      for (int part = 0; part < 3; ++part) shared += reader.damage(Rows::tokens_and_text, part, 3).size();
      EXPECT_EQ(shared, 1u);
    }
  }
}

TEST(Damage, OverwrittenBytesAreRefusedOrHarmless) {
  Scratch const scratch("damage");
  write_sample(scratch / "a.h5", records);
  auto const good = read_file(scratch / "a.h5");
  for (std::uint64_t trial = 0; trial < trials_or(150); ++trial) {
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
  for (std::uint64_t trial = 0; trial < 100; ++trial) {
    auto const length = trial < 20 ? trial : trial < 40 ? good.size() - (trial - 19) : mix(6, trial) % good.size();
    write(scratch / "b.h5", good.substr(0, length));
    EXPECT_EQ(run_child(scratch / "b.h5"), "refused") << length << " of " << good.size() << " bytes";
  }
}

}  // namespace
}  // namespace bsft
