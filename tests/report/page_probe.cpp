// page_probe OUT.html COMPARISON.json [--samples N] RUN_DIR…: the page of several runs and of what compares them; with
// --sweep in place of the folders, that of a sweep of twelve arms of two seeds.
#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "trainer/report/report_page.hpp"

namespace {

bsft::page::SweepPage example_sweep() {
  bsft::page::SweepPage sweep{"rates and weights",
                              "suites.full.overall.macro_f1_tasks",
                              "dev",
                              "24 runs: 0 waiting, 0 running, 24 done, 0 failed",
                              "best on dev: learning_rate=0.003 loss_weight=4, 0.812 over 2 runs; on test 0.790",
                              {},
                              bsft::Table({{"run"}, {"arm"}, {"dev", bsft::Align::right}})};
  for (char const* rate : {"0.0003", "0.001", "0.003", "0.01"})
    for (char const* weight : {"0", "1", "4"}) {
      double const end = 0.3 + 0.04 * static_cast<double>(sweep.arms.size());
      bsft::page::SweepArm arm{std::string("optimizer.learning_rate=") + rate + " behavior.loss_weight=" + weight,
                               {{"optimizer.learning_rate", rate}, {"behavior.loss_weight", weight}},
                               {},
                               end};
      for (int seed = 0; seed < 2; ++seed) {
        auto& curve = arm.curves.emplace_back();
        for (int step = 0; step <= 600; step += 100)
          curve.emplace_back(step, 0.3 + (end - 0.3) * std::sqrt(step / 600.0) + 0.02 * seed);
        sweep.runs.add({"0123456789a" + std::to_string(seed), arm.name, std::to_string(end)});
      }
      sweep.arms.push_back(std::move(arm));
    }
  return sweep;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    bsft::OrderedJson const comparison = bsft::parse_ordered_json(bsft::read_file(argv[2]), argv[2]);
    if (std::string_view(argv[3]) == "--sweep")
      bsft::write_atomically(argv[1], bsft::sweep_html(example_sweep(), comparison));
    else if (std::string_view(argv[3]) == "--samples")
      bsft::write_report({argv + 5, argv + argc}, argv[1], comparison, std::stoul(argv[4]));
    else
      bsft::write_report({argv + 3, argv + argc}, argv[1], comparison);
  } catch (bsft::Error const& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.code());
  }
}
