// bsft data generate: the synthetic BehaviorBench as JSON lines.
#include <fstream>
#include <iostream>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/schema/generator.hpp"
#include "launch/commands/commands.hpp"

namespace bsft {
namespace {

constexpr std::int64_t most_cases = 1'000'000;

// Streams to FILE.partial, then renames: a reader never sees half a file.
class LineFile {
 public:
  explicit LineFile(std::filesystem::path file) : file_(std::move(file)), partial_(file_.string() + ".partial") {
    if (file_.has_parent_path()) {
      std::error_code failed;
      std::filesystem::create_directories(file_.parent_path(), failed);
    }
    out_.open(partial_, std::ios::binary | std::ios::trunc);
    check("cannot create ");
  }
  void add(std::string const& line) { out_ << line << '\n'; }
  void publish() {
    out_.close();
    check("cannot write ");
    sync_path(partial_);
    std::error_code failed;
    std::filesystem::rename(partial_, file_, failed);
    if (failed) throw Failed(Exit::io, "cannot rename " + partial_.string(), failed.message());
    sync_path(file_.has_parent_path() ? file_.parent_path() : std::filesystem::path("."));
  }

 private:
  void check(std::string const& what) const {
    if (!out_) throw Failed(Exit::io, what + partial_.string(), std::generic_category().message(errno));
  }
  std::filesystem::path file_, partial_;
  std::ofstream out_;
};

GeneratorOptions options_of(Arguments const& arguments) {
  GeneratorOptions options;
  options.cases = arguments.integer("cases");
  if (options.cases < 1 || options.cases > most_cases)
    throw Invalid(Exit::usage, "--cases " + arguments.text("cases"), "not 1 to 1000000");
  auto const seed = arguments.integer("seed");
  if (seed < 0) throw Invalid(Exit::usage, "--seed " + arguments.text("seed"), "negative");
  options.seed = static_cast<std::uint64_t>(seed);
  auto const vocabulary = arguments.text("vocabulary");
  if (vocabulary != "small" && vocabulary != "large")
    throw Invalid(Exit::usage, "--vocabulary " + vocabulary, "no such vocabulary", "use small or large");
  options.vocabulary = vocabulary == "small" ? Vocabulary::small : Vocabulary::large;
  options.contrast = arguments.has("contrast");
  options.by_level = arguments.has("levels");
  return options;
}

int run(Arguments const& arguments) {
  auto const options = options_of(arguments);
  auto const taxonomy = read_taxonomy(arguments.text("tasks"));
  LineFile file(arguments.text("out"));
  std::int64_t records = 0;
  generate(options, taxonomy, [&](Record const& record) {
    file.add(to_json_line(record));
    ++records;
  });
  file.publish();
  std::cout << arguments.text("out") << ": " << records << " records of " << options.cases << " cases, "
            << taxonomy.tasks.size() << " tasks\n";
  return static_cast<int>(Exit::done);
}

}  // namespace

Command data_generate_command() {
  return {"data generate",
          "Prepare",
          "write the synthetic BehaviorBench as JSON lines",
          "",
          {{"out", "FILE.jsonl", "where the records go", "", true, false},
           {"cases", "N", "cases, of about 8 records each", "2000", false, false},
           {"seed", "S", "same seed, same bytes, on any machine", "1", false, false},
           {"vocabulary", "small|large", "how many drugs, tests, steps and times there are", "small", false, false},
           {"levels", "",
            "six behaviours, the levels of autonomy, in place of two: build with --behaviors "
            "configs/levels.yaml",
            "", false, false},
           {"contrast", "", "also the suite contrast: the same prompt under two behaviours", "", false, false},
           {"tasks", "FILE.yaml", "tasks, labels and wordings", "configs/behaviorbench.yaml", false, false}},
          {"bsft data generate --out runs/quickstart/behaviorbench.jsonl --cases 4000"},
          run};
}

}  // namespace bsft
