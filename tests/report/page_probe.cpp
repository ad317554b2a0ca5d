// page_probe OUT.html COMPARISON.json RUN_DIR…: the page of several runs and of what compares them.
#include <cstdio>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "trainer/report/report_page.hpp"

int main(int argc, char** argv) {
  try {
    bsft::OrderedJson const comparison = bsft::parse_ordered_json(bsft::read_file(argv[2]), argv[2]);
    bsft::write_report({argv + 3, argv + argc}, argv[1], comparison);
  } catch (bsft::Error const& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.code());
  }
}
