// Writes a small file whose record 3 has the named fault, under a certificate that says passed: write_faulty FAULT
// FILE. Without arguments: the faults and what the audit says of each, separated by a tab.
#include <cstdio>
#include <string_view>

#include "data/base/error.hpp"
#include "tests/store/faults.hpp"

int main(int argc, char** argv) {
  using namespace bsft;
  for (auto const& [name, change, says] : faults()) {
    if (argc == 1) std::printf("%s\t%s\n", name, says);
    if (argc != 3 || std::string_view(argv[1]) != name) continue;
    write_sample(argv[2], 6, [&change = change](int i, Sample& one) {
      if (i == 3) change(one);
    });
    return 0;
  }
  return argc == 1 ? 0 : 64;
}
