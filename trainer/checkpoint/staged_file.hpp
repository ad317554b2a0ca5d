// A file of a checkpoint before it is written: its bytes, in pieces, and their owner's promise to leave them alone.
//
// write_new writes it under a name that must be free (O_EXCL, never through a link), 0600, 4 MiB at a time, with its
// SHA-256 computed on the way, and flushes it to the disk.
// Errors: Failed(io) with errno's words, also where `stop` is asked for meanwhile; what is there then is the caller's
// to remove.
// Any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace bsft {

struct FileEntry {
  std::int64_t bytes = 0;
  std::string sha256;
};
using FileEntries = std::map<std::string, FileEntry>;  // by name

struct StagedFile {
  std::string name;
  std::string head;                    // what comes first, its own
  std::vector<std::string_view> body;  // the rest, someone else's
};

FileEntry write_new(std::filesystem::path const& folder, StagedFile const& file, std::stop_token const& stop = {});

}  // namespace bsft
