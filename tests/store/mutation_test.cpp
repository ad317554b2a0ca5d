// Mutated files never crash the process that opens them, and never give other data.
//
// Truncations, overwritten bytes and blocks, blocks from elsewhere and from another file, and metadata blocks that are
// changed under a checksum that is made right again, so that HDF5 believes them.  Every number of the campaign is a
// trial of its own (seeded by it): BSFT_MUTATION_FIRST and BSFT_MUTATION_TRIALS choose which.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "tests/base/scratch.hpp"
#include "tests/store/sample.hpp"

// Of libhdf5: the checksum of its metadata.
extern "C" std::uint32_t H5_checksum_metadata(void const* data, std::size_t size, std::uint32_t seed);

namespace bsft {
namespace {

constexpr int records = 24;
constexpr std::uint64_t batch = 500;  // files a process opens
constexpr std::array kinds{"truncated", "bytes",        "block",          "zeros",
                           "moved",     "other file's", "metadata, byte", "metadata, field"};

struct Content {
  std::string catalog_digest, certificate;
  std::vector<StoredTokens> rows;
  std::vector<std::string> texts;
  bool operator==(Content const& other) const {
    if (catalog_digest != other.catalog_digest || certificate != other.certificate || texts != other.texts)
      return false;
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (rows[i].tokens != other.rows[i].tokens || rows[i].weights != other.rows[i].weights) return false;
    return rows.size() == other.rows.size();
  }
};

Content content_of(std::filesystem::path const& file) {
  StoreReader const reader(file);
  reader.require_certificate();
  Content all{reader.catalog().data_digest, reader.certificate(), {}, {}};
  for (std::size_t i = 0; i < reader.records().size(); ++i) {
    all.rows.push_back(reader.read(static_cast<std::int64_t>(i)));
    all.texts.push_back(reader.text(static_cast<std::int64_t>(i)));
  }
  return all;
}

// A block of metadata that ends in a checksum: [begin, end) without it.
struct Block {
  std::size_t begin, end;
};

std::uint64_t number_at(std::string const& bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + at, size);
  return value;
}

bool sums_up(std::string const& bytes, Block block) {
  return block.end + 4 <= bytes.size() &&
         H5_checksum_metadata(bytes.data() + block.begin, block.end - block.begin, 0) == number_at(bytes, block.end, 4);
}

// Superblock, object headers, and the headers and data blocks of chunk indices, of a whole file.
std::vector<Block> metadata_of(std::string const& bytes) {
  std::vector<Block> blocks;
  auto const add = [&](std::size_t begin, std::size_t size) {
    if (sums_up(bytes, {begin, begin + size})) blocks.push_back({begin, begin + size});
  };
  add(0, 44);
  for (std::size_t at = 0; at + 32 < bytes.size(); ++at) {
    std::string_view const signature(bytes.data() + at, 4);
    if (signature == "OHDR") {
      std::size_t const flags = static_cast<unsigned char>(bytes[at + 5]), width = std::size_t{1} << (flags & 3);
      std::size_t const prefix = 6 + ((flags & 32) != 0 ? 16 : 0) + ((flags & 16) != 0 ? 4 : 0) + width;
      add(at, prefix + number_at(bytes, at + prefix - width, width));
    } else if (signature == "FAHD") {
      add(at, 24);
    } else if (signature == "FADB") {
      for (std::size_t size = 14; size < 14 + 16 * 64; ++size)
        if (sums_up(bytes, {at, at + size})) {
          blocks.push_back({at, at + size});
          break;
        }
    }
  }
  return blocks;
}

void change_metadata(std::string& bytes, std::vector<Block> const& blocks, std::uint64_t trial, bool field) {
  static constexpr std::array<std::uint64_t, 10> odd{0,      1,       2,          0x7f,       0xff,
                                                     0xffff, 1 << 20, 0x7fffffff, 0xffffffff, ~std::uint64_t{0}};
  Block const block = blocks[mix(10, trial) % blocks.size()];
  for (std::uint64_t i = 0; i <= mix(11, trial) % 3; ++i) {
    std::size_t const at = block.begin + mix(12, trial, i) % (block.end - block.begin);
    std::uint64_t const value = field ? odd[mix(13, trial, i) % odd.size()] : mix(14, trial, i);
    std::size_t const width = field ? std::size_t{1} << mix(15, trial, i) % 4 : 1;
    std::memcpy(bytes.data() + at, &value, std::min(width, block.end - at));
  }
  std::uint32_t const sum = H5_checksum_metadata(bytes.data() + block.begin, block.end - block.begin, 0);
  std::memcpy(bytes.data() + block.end, &sum, 4);
}

std::string mutated(std::string bytes, std::string const& other, std::vector<Block> const& blocks,
                    std::uint64_t trial) {
  std::size_t const at = mix(20, trial) % bytes.size();
  auto const fits = [&](std::size_t size) { return std::min(size, bytes.size() - at); };
  std::size_t const long_block = fits(1 + mix(21, trial) % 4096);
  switch (trial % kinds.size()) {
    case 0:
      return bytes.substr(0, at) + (mix(22, trial) % 4 == 0 ? other.substr(at / 2, mix(23, trial) % 5000) : "");
    case 1:
      for (std::uint64_t i = 0; i <= mix(24, trial) % 4; ++i)
        bytes[mix(25, trial, i) % bytes.size()] = static_cast<char>(mix(26, trial, i));
      return bytes;
    case 2:
      for (std::size_t i = 0, size = fits(1 + mix(27, trial) % 64); i < size; ++i)
        bytes[at + i] = static_cast<char>(mix(28, trial, i));
      return bytes;
    case 3:
      return bytes.replace(at, long_block, long_block, '\0');
    case 4:
      return bytes.replace(at, long_block, bytes.substr(mix(29, trial) % (bytes.size() - long_block + 1), long_block));
    case 5:
      return bytes.replace(at, long_block, other.substr(at % other.size(), long_block));
    default:
      change_metadata(bytes, blocks, trial, trial % kinds.size() == 7);
      return bytes;
  }
}

std::uint64_t asked_or(char const* name, std::uint64_t usual) {
  char const* const asked = std::getenv(name);
  return asked == nullptr ? usual : std::strtoull(asked, nullptr, 10);
}

enum Outcome { same, refused, by_signal, other_data, odd_error, outcomes };

// What the processes that open files leave behind, whatever becomes of them.
struct Counts {
  std::uint64_t trial;
  std::array<std::array<std::uint64_t, outcomes>, kinds.size()> of;
};

Outcome outcome_of(std::filesystem::path const& file, Content const& good) {
  try {
    return content_of(file) == good ? same : other_data;
  } catch (Error const& error) {
    std::string const what = error.what();
    if (what.find(file.string()) != 0 || error.code() != Exit::data) {
      std::printf("  %s\n", what.c_str());
      return odd_error;
    }
    bool const limited = what.find("ends in signal") != std::string::npos || what.find("of CPU") != std::string::npos ||
                         what.find("of memory") != std::string::npos;
    return limited ? by_signal : refused;
  }
}

TEST(Mutation, NoFileCrashesTheProcessThatOpensIt) {
  Scratch const scratch("mutation");
  write_sample(scratch / "a.h5", records);
  write_sample(scratch / "b.h5", records + 9);
  auto const good = read_file(scratch / "a.h5"), other = read_file(scratch / "b.h5");
  auto const content = content_of(scratch / "a.h5");
  auto const blocks = metadata_of(good);
  ASSERT_GT(blocks.size(), 25u) << "the metadata of a file is not found";
  auto* const counts =
      static_cast<Counts*>(::mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(counts, MAP_FAILED);
  auto const first = asked_or("BSFT_MUTATION_FIRST", 0), last = first + asked_or("BSFT_MUTATION_TRIALS", 800);
  std::uint64_t crashes = 0;
  for (std::uint64_t begin = first; begin < last;) {
    std::fflush(stdout);
    pid_t const child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      for (std::uint64_t trial = begin; trial < std::min(begin + batch, last); ++trial) {
        ::alarm(120);
        counts->trial = trial;
        auto const file = scratch / "m.h5";
        std::ofstream(file, std::ios::binary) << mutated(good, other, blocks, trial);
        Outcome const outcome = outcome_of(file, content);
        ++counts->of[trial % kinds.size()][outcome];
        if (outcome >= other_data) std::printf("  trial %llu: %d\n", static_cast<unsigned long long>(trial), outcome);
      }
      std::fflush(stdout);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    bool const whole = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    EXPECT_TRUE(whole) << "trial " << counts->trial << " ends its process: status " << status;
    crashes += !whole;
    begin = whole ? std::min(begin + batch, last) : counts->trial + 1;
  }
  std::printf("  trials %llu to %llu, crashes %llu\n  %-16s %8s %8s %8s %8s %8s\n",
              static_cast<unsigned long long>(first), static_cast<unsigned long long>(last),
              static_cast<unsigned long long>(crashes), "", "same", "refused", "limited", "other", "odd");
  for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
    auto const& of = counts->of[kind];
    std::printf("  %-16s", kinds[kind]);
    for (auto const count : of) std::printf(" %8llu", static_cast<unsigned long long>(count));
    std::printf("\n");
    EXPECT_EQ(of[other_data], 0u) << kinds[kind];
    EXPECT_EQ(of[odd_error], 0u) << kinds[kind];
    EXPECT_GT(of[refused], 0u) << kinds[kind];
  }
  ::munmap(counts, sizeof(Counts));
}

}  // namespace
}  // namespace bsft
