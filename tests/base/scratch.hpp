// A folder of a test's own, removed at its end.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

namespace bsft {

class Scratch {
 public:
  explicit Scratch(std::string const& name)
      : path_(std::filesystem::temp_directory_path() / ("bsft_" + name + "_" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Scratch() {
    std::error_code failed;
    std::filesystem::remove_all(path_, failed);
  }
  std::filesystem::path operator/(std::string const& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// The message of what `call` throws, empty where it throws nothing.
template <class ErrorType, class Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (ErrorType const& error) {
    return error.what();
  }
  return {};
}

}  // namespace bsft
