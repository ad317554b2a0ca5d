// Build a BehaviorBench file from records and a model's folder: read, check, tokenise, audit, write.
//
// The folder gives tokenizer.json, the chat template and config.json (vocab_size: rows of the embedding table;
// max_position_embeddings: the longest record where max_length is 0).  A record over max_length is refused, or left out
// and counted; nothing is ever cut.  Nothing is written unless the audit passes.
// Errors: Invalid(usage), Findings(data) with every breach (20 lines and the count of the rest), Failed(io).
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/store/audit.hpp"

namespace bsft {

enum class Overlong { error, drop };

struct BuildOptions {
  std::vector<std::string> records;  // FILE or NAME=FILE
  std::filesystem::path model, out, behaviors;
  std::string template_name = "auto";
  std::int64_t max_length = 0;
  Overlong overlong = Overlong::error;
};

struct BuildResult {
  Catalog catalog;  // with the data digest
  Audit audit;
};

// `tell` takes a line of progress.
BuildResult build_store(BuildOptions const& options, std::function<void(std::string const&)> const& tell);

}  // namespace bsft
