// bsft data build: records to one HDF5 file, tokenised, weighted, split-checked and audited.
#include <chrono>
#include <filesystem>
#include <iostream>

#include "data/base/error.hpp"
#include "data/store/build.hpp"
#include "launch/commands/commands.hpp"

namespace bsft {
namespace {

Overlong overlong_of(std::string const& text) {
  if (text == "error") return Overlong::error;
  if (text == "drop") return Overlong::drop;
  throw Invalid(Exit::usage, "--overlong " + text, "not a choice", "use error or drop");
}

BuildOptions options_of(Arguments const& arguments) {
  BuildOptions options;
  options.records = arguments.list("records");
  options.model = arguments.text("model");
  options.out = arguments.text("out");
  options.behaviors = arguments.text("behaviors");
  options.template_name = arguments.text("template");
  options.overlong = overlong_of(arguments.text("overlong"));
  if (arguments.has("max-length")) {
    options.max_length = arguments.integer("max-length");
    if (options.max_length < 4)
      throw Invalid(Exit::usage, "--max-length " + arguments.text("max-length"), "less than 4");
  }
  return options;
}

// Counted, not refused.
void warn(Audit const& audit) {
  std::int64_t literal = 0, dropped = 0;
  for (auto const& [key, cell] : audit.cells) literal += cell.literal, dropped += cell.dropped;
  if (literal > 0)
    std::cerr << "bsft: warning: " << literal
              << " records hold a behaviour token's text (it is encoded as plain text and cannot act)\n";
  if (dropped > 0) std::cerr << "bsft: warning: " << dropped << " over-long records are left out\n";
}

int run(Arguments const& arguments) {
  auto const options = options_of(arguments);
  auto const start = std::chrono::steady_clock::now();
  auto const result = build_store(options, [](std::string const& line) { std::cerr << line << '\n'; });
  std::chrono::duration<double> const seconds = std::chrono::steady_clock::now() - start;
  warn(result.audit);
  std::int64_t records = 0, tokens = 0;
  for (auto const& [key, cell] : result.audit.cells) records += cell.records, tokens += cell.tokens;
  std::cout << result.audit.table(result.catalog) << options.out.string() << ": " << records << " records, " << tokens
            << " tokens, " << std::filesystem::file_size(options.out) << " bytes, audit passed, data digest "
            << result.catalog.data_digest << std::endl;
  std::cerr << "built in " << static_cast<double>(static_cast<int>(seconds.count() * 10)) / 10 << " s\n";
  return static_cast<int>(Exit::done);
}

}  // namespace

Command data_build_command() {
  return {
      "data build",
      "Prepare",
      "tokenise, weight, check and audit records into one HDF5 file",
      "",
      {{"records", "[NAME=]FILE.jsonl", "records; NAME adds a suite to the file's records", "", true, true},
       {"model", "DIR", "Hugging Face folder: tokenizer, chat template, config.json", "", true, false},
       {"out", "FILE.h5", "where the data go", "", true, false},
       {"behaviors", "FILE.yaml", "behaviours and declared tasks", "configs/behaviorbench.yaml", false, false},
       {"template", "NAME", "auto, chatml, smollm2, qwen2, qwen2.0, llama3, llama3.1 or none", "auto", false, false},
       {"max-length", "N", "tokens of the longest record (otherwise the model's max_position_embeddings)", "", false,
        false},
       {"overlong", "error|drop", "what becomes of a longer record; nothing is ever cut", "error", false, false}},
      {"bsft data build --records runs/behaviorbench.jsonl --model configs/tiny --out runs/behaviorbench.h5",
       "bsft data build --records mini=mini.jsonl contrast=contrast.jsonl --model .cache/smollm2-135m --out "
       "runs/real.h5"},
      run};
}

}  // namespace bsft
