// Files of strangers, changed at random: each is read, or refused as an Error; nothing crashes, hangs, throws anything
// else or asks for much memory.
//
// Trials are seeded; BSFT_TRIALS multiplies them.  HDF5 has its own campaign (tests/store).
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/safetensors.hpp"
#include "data/schema/record.hpp"
#include "data/tokenizer/tokenizer.hpp"
#include "tests/base/scratch.hpp"
#include "trainer/config/resolve.hpp"
#include "trainer/config/sweep.hpp"
#include "trainer/model/shape.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t seed = 3;
constexpr std::size_t memory = std::size_t{1} << 30;  // bytes that reading a small file may take at most
constexpr double most_seconds = 10;                   // of one file, on a machine however busy

std::vector<std::string> const& pieces() {
  static std::vector<std::string> const all = {"{",
                                               "}",
                                               "[",
                                               "]",
                                               "\"",
                                               ":",
                                               ",",
                                               "\n",
                                               "\t",
                                               "- ",
                                               "&a ",
                                               "*a",
                                               "<<: *a",
                                               "!!python/x ",
                                               "? ",
                                               "|\n",
                                               "%",
                                               "#",
                                               "null",
                                               "true",
                                               "-1",
                                               "0",
                                               "010",
                                               "0x7fffffff",
                                               "99999999999999999999",
                                               "1e999",
                                               "-1e-999",
                                               ".nan",
                                               "1.5",
                                               "9223372036854775807",
                                               "2147483648",
                                               "\\u0000",
                                               "\\ud800",
                                               "\xff",
                                               "\xc3\x28",
                                               std::string(1, '\0'),
                                               std::string(200, '['),
                                               std::string(200, '{'),
                                               std::string(300, 'a'),
                                               "\"\":",
                                               "\"F32\"",
                                               "\"data_offsets\":[0,",
                                               "(?=",
                                               "\\p{L}+",
                                               "..",
                                               "/",
                                               "${HOME}"};
  return all;
}

std::string mutated(std::string text, std::string const& other, std::uint64_t trial) {
  std::uint64_t step = 0;
  auto const draw = [&](std::size_t below) { return mix(seed, trial, ++step) % std::max<std::size_t>(below, 1); };
  for (std::size_t change = 1 + draw(6); change > 0; --change) {
    std::size_t const at = draw(text.size() + 1), size = draw(std::size_t{1} << draw(9));
    switch (draw(8)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << draw(8)));
        break;
      case 1:
        if (at < text.size()) text[at] = static_cast<char>(draw(256));
        break;
      case 2:
        text.erase(at, size);
        break;
      case 3:
        text.insert(at, text.substr(draw(text.size()), size));
        break;
      case 4:
        text.insert(at, pieces()[draw(pieces().size())]);
        break;
      case 5:
        text.replace(at, std::min(size, text.size() - at), pieces()[draw(pieces().size())]);
        break;
      case 6:
        if (draw(8) == 0) text.resize(at);
        break;
      default:
        text.replace(at, std::min(size, text.size() - at), other, draw(other.size()), size);
    }
  }
  return text;
}

std::uint64_t trials(std::uint64_t few) {
  char const* const times = std::getenv("BSFT_TRIALS");
  return few * (times != nullptr ? std::stoull(times) : 1);
}

void limit_memory() {
  std::ifstream in("/proc/self/statm");
  std::size_t pages = 0;
  in >> pages;
  rlimit const limit{pages * 4096 + memory, RLIM_INFINITY};
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &limit), 0);
}

// `read` throws an Error where it refuses a text.
void try_all(std::string const& what, std::vector<std::string> const& good, std::uint64_t count,
             std::function<void(std::string const&)> const& read) {
  limit_memory();
  for (std::string const& text : good) ASSERT_NO_THROW(read(text)) << what;
  std::uint64_t refused = 0;
  double slowest = 0;
  for (std::uint64_t trial = 0; trial < count; ++trial) {
    std::string const& base = good[trial % good.size()];
    std::string const text = mutated(base, good[mix(seed, trial) % good.size()], trial);
    auto const start = std::chrono::steady_clock::now();
    try {
      read(text);
    } catch (Error const&) {
      ++refused;
    } catch (std::exception const& other) {
      ADD_FAILURE() << what << ", trial " << trial << ": " << other.what();
    }
    slowest = std::max(slowest, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::printf("%s: %llu changed texts, %llu refused, the slowest took %.3f s\n", what.c_str(),
              static_cast<unsigned long long>(count), static_cast<unsigned long long>(refused), slowest);
  EXPECT_GT(refused, count / 20) << what;
  EXPECT_LT(refused, count) << what;
  EXPECT_LT(slowest, most_seconds) << what;
}

TEST(Strangers, Configurations) {
  std::vector<std::string> good;
  for (char const* name : {"quickstart", "smollm2_135m"})
    good.push_back(read_file(fs::path("configs") / (std::string(name) + ".yaml")));
  try_all("configuration", good, trials(3000), [](std::string const& text) {
    std::vector<std::string> findings;
    Yaml const document = parse_yaml(text, "c.yaml", findings);
    if (findings.empty()) resolve(document, "c.yaml", {}, Files::may_lack, findings);
    if (!findings.empty()) throw Findings(Exit::config, findings);
  });
}

TEST(Strangers, Sweeps) {
  Scratch const scratch("strangers");
  fs::path const file = scratch / "sweep.yaml";
  fs::copy("configs/quickstart.yaml", scratch / "quickstart.yaml");
  std::string const base = "base: quickstart.yaml\n";
  try_all("sweep",
          {base + "grid: {behavior.loss_weight: [0, 1, 4, 16]}\nseeds: [1, 2]\n",
           base + "arms:\n  a: {behavior.in_loss: false, behavior.selection: given}\n  b: {train.max_steps: 3}\n"},
          trials(1000), [&](std::string const& text) {
            std::ofstream(file, std::ios::binary) << text;
            read_sweep(file, Files::may_lack);
          });
}

TEST(Strangers, Records) {
  std::vector<std::string> const good = {
      R"({"id":"a-1","case_id":"a","task":"t","group":"reactive","behavior":"reactive","level":0,"turns":[{"role":"user","speaker":"Dr. X","content":"Which dose?"}],"response":"A: 2 mg","label":"A","labels":["A","B"],"action":"answer","split":"train","source":"s"})",
      R"({"id":"b-1","case_id":"b","twin_id":"b-2","task":"u","group":"proactive","behavior":"proactive","level":3,"prompt":"Look.","response":"Wait – stop.","split":"test","source":"s","suites":["full","hard"]})"};
  try_all("record", good, trials(20'000), [](std::string const& line) { parse_record(line, "r.jsonl:1"); });
}

TEST(Strangers, Shapes) {
  Scratch const scratch("strangers");
  std::string const good = read_file("configs/tiny/config.json");
  try_all("config.json", {good}, trials(3000), [&](std::string const& text) {
    std::ofstream(scratch / "config.json", std::ios::binary) << text;
    read_shape(scratch / "");
  });
}

TEST(Strangers, Tokenizers) {
  Scratch const scratch("strangers");
  fs::copy("configs/tiny/tokenizer_config.json", scratch / "tokenizer_config.json");
  try_all("tokenizer.json", {read_file("configs/tiny/tokenizer.json")}, trials(400), [&](std::string const& text) {
    std::ofstream(scratch / "tokenizer.json", std::ios::binary) << text;
    Tokenizer const tokenizer(scratch / "");
    tokenizer.decode(tokenizer.encode("A dose of 2.5 mg\t– “twice”?\n", Specials::parse));
  });
}

TEST(Strangers, Weights) {
  Scratch const scratch("strangers");
  fs::path const file = scratch / "w.safetensors";
  std::string const floats(4 * 24, '\1');
  std::vector<TensorView> const tensors = {{"a.weight", "F32", {2, 4}, std::string_view(floats).substr(0, 32)},
                                           {"b.weight", "BF16", {4, 8}, std::string_view(floats).substr(32, 64)}};
  write_safetensors(file, tensors, {{"format", "pt"}});
  std::string const good = read_file(file);
  try_all("safetensors", {good}, trials(10'000), [&](std::string const& text) {
    std::ofstream(file, std::ios::binary) << text;
    SafetensorsFile const read(file);
    for (TensorView const& tensor : read.tensors()) xxh128_hex(tensor.bytes);  // every byte is there
  });
}

}  // namespace
}  // namespace bsft
