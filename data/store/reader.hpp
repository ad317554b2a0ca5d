// Read a BehaviorBench HDF5 file (grammar: data/store/format.md).
//
// Construction reads the catalogue and the small per-record columns; token rows are read when asked for, so a rank
// touches only its own records.  The file is opened read-only with locking off, after a child process has tried
// (probe.hpp).
// Every chunk that is read is compared with its own hash (chunks.hpp), and every row with its own digest; those digests
// are part of the data digest: what a rank reads is what was audited, and it reads no more than the chunks of its rows.
// damage() looks at all chunks of the rows at once, or at a part of them, so that ranks may share the work.
// Errors: Broken for a damaged or foreign file (dataset, chunk and records named); Invalid(data) where the audit
// certificate is missing or failed.  One reader a thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/base/ids.hpp"
#include "data/schema/record.hpp"
#include "data/store/probe.hpp"
#include "data/tokenizer/behavior_map.hpp"

namespace bsft {

struct StoredTask {
  std::string name, group;                         // group of its first record
  std::vector<std::string> labels;                 // declared order
  std::vector<std::vector<TokenId>> label_tokens;  // each label tokenised in context (as the response begins)
};

struct Catalog {
  std::vector<StoredTask> tasks;  // index = TaskId
  std::vector<std::string> groups;
  std::vector<std::string> suites;
  std::map<std::string, std::string> excluded;  // task: how many of its records are left out, and why
  BehaviorMap behaviors;
  TokenId end_token = 0;
  std::string tokenizer_digest, template_digest, behavior_digest, converter_digest;
  std::string data_digest;      // of the file's contents: names the data in results and checkpoints
  std::string template_name;    // chatml, smollm2, qwen2, llama3 or none
  std::int64_t max_length = 0;  // no record is longer, in tokens
};

// The columns of one record, all in memory.
struct RecordInfo {
  std::int64_t offset = 0;        // first token in the flat token dataset
  std::int32_t prompt_end = 0;    // tokens [0, prompt_end) prompt, [prompt_end, behavior_end) behaviour token,
  std::int32_t behavior_end = 0;  // [behavior_end, response_end) response, [response_end, length) end token
  std::int32_t response_end = 0;
  std::int32_t length = 0;
  TaskId task{};
  BehaviorId behavior{};
  std::int16_t group = 0;
  std::int16_t label = -1;  // index into the task's labels, -1: none
  std::int8_t level = 0;
  std::uint8_t action = 0;  // 0 none, 1 answer, 2 intervene, 3 restrain
  Split split{};
  std::uint32_t suites = 0;      // bit i: catalogue.suites[i]
  std::int64_t case_index = 0;   // records of one case share it
  std::int64_t twin_index = -1;  // records of one twin set share it, -1: none
};

struct StoredTokens {
  std::vector<TokenId> tokens;  // [length] prompt | behaviour | response | end
  std::vector<float> weights;   // [length] of each token as a target: 0 on the prompt, 1 on what is supervised
};

// A chunk of the rows whose bytes are not those that were written, and the records that reach into it.
struct ChunkDamage {
  std::string dataset;
  std::int64_t chunk = 0, first_record = 0, last_record = 0;
  std::string line;  // for people: file, dataset, chunk, records and why
};
// Whether a damaged chunk reaches into a record.
bool lies_in(std::vector<ChunkDamage> const& damage, std::int64_t record);

enum class Rows { tokens, tokens_and_text };  // what training reads; what audit and evaluation read, too

class StoreReader {
 public:
  explicit StoreReader(std::filesystem::path const& file) : StoreReader(probe(file)) {}
  explicit StoreReader(Probed file);
  ~StoreReader();
  StoreReader(StoreReader&&) noexcept;

  Catalog const& catalog() const;
  std::vector<RecordInfo> const& records() const;  // file order: members of a case stand together
  StoredTokens read(std::int64_t record) const;
  std::string text(std::int64_t record) const;  // the record's JSON line
  // Of the chunks of tokens and weights (and text), the part-th of `parts` equal shares; by dataset, then by chunk.
  std::vector<ChunkDamage> damage(Rows rows, std::int64_t part = 0, std::int64_t parts = 1) const;
  // The bytes of tokens of this file: every id that occurs in it is kept with its bytes.
  std::string bytes_of(std::span<TokenId const> ids) const;
  // The audit certificate as JSON, empty where the file has none.
  std::string const& certificate() const;
  // Throws Invalid(data) unless the certificate is there, passed, and is of this content.
  void require_certificate() const;

 private:
  friend Probed probe(std::filesystem::path const& file);
  struct Data;
  std::unique_ptr<Data> data_;
};

}  // namespace bsft
