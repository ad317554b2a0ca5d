// Reads a safetensors file or a Hugging Face folder and writes all its tensors to another file: safetensors_copy IN
// OUT.
#include <cstdio>

#include "data/base/error.hpp"
#include "data/base/safetensors.hpp"

int main(int argc, char** argv) {
  using namespace bsft;
  try {
    ensure(argc == 3, "two arguments");
    if (std::filesystem::is_directory(argv[1])) {
      SafetensorsFolder const folder(argv[1]);
      std::vector<TensorView> tensors;
      for (auto const& name : folder.names()) tensors.push_back(*folder.find(name));
      write_safetensors(argv[2], tensors, {});
    } else {
      SafetensorsFile const file(argv[1]);
      write_safetensors(argv[2], file.tensors(), file.metadata());
    }
    return 0;
  } catch (Error const& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.code());
  }
}
