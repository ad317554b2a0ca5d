// The committed goldens (tests/tokenizer/golden, made by make_golden.py) and folders made from them.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/json.hpp"

namespace bsft::golden {

inline std::filesystem::path const root = "tests/tokenizer/golden";
inline constexpr auto families = {"gpt2", "smollm2", "qwen2", "llama3"};

inline Json read(std::filesystem::path const& file) {
  Json golden = read_json(root / file);
  if (golden.value("magic", "") != "bsft-tokenizer-golden" || golden.value("version", 0) != 1)
    throw Broken(file.string(), "is no tokenizer golden of version 1", "run tests/tokenizer/make_golden.py");
  return golden;
}

// A folder that goes away with the test.
class Folder {
 public:
  Folder() {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("bsft-tokenizer-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(Folder const&) = delete;
  Folder& operator=(Folder const&) = delete;
  std::filesystem::path const& path() const { return path_; }
  Folder& write(std::string const& name, std::string const& bytes) {
    write_atomically(path_ / name, bytes);
    return *this;
  }

 private:
  std::filesystem::path path_;
};

// A family's folder with one thing changed in tokenizer.json.
inline void write_changed(Folder& folder, std::string const& family, std::function<void(OrderedJson&)> const& change) {
  auto document = parse_ordered_json(read_file(root / family / "tokenizer.json"), "golden");
  change(document);
  folder.write("tokenizer.json", document.dump());
  folder.write("tokenizer_config.json", read_file(root / family / "tokenizer_config.json"));
}

}  // namespace bsft::golden
