// What mutants.py compiles beside changed bodies: BSFT_MUTANT names the kernels that are run.
#include <cstdio>

#include "tests/kernels/emulated.hpp"

using namespace bsft::test;

int main() {
  auto const judge = [](std::vector<Emulated> const& list, std::string const& size) {
    for (auto const& e : list)
      if (auto const wrong = fault(e, size, {0, 32, 64}); !wrong.empty())
        std::printf("%s\n", wrong.c_str()), std::exit(1);
  };
  for (std::int64_t n : {1, 33, 70, 1003, 1024, 5000}) {
    Shape<float> const s{n == 33 ? 64 : n < 100 ? 35 : 3, n};
    judge(BSFT_MUTANT, std::to_string(n));
  }
}
