// Score the tables on standard input (JSON: {labels, groups, draws, seed, items: [[task, group, truth, prediction,
// case], …]} a line) and print the scoreboard as JSON, for the comparison with scikit-learn and numpy.
#include <cstdio>
#include <iostream>

#include "data/base/json.hpp"
#include "trainer/evaluate/metrics.hpp"

namespace {

bsft::Json json_of(std::optional<bsft::Score> const& score) {
  if (!score) return nullptr;
  auto pair = [](auto const& interval) { return interval ? bsft::Json{interval->low, interval->high} : bsft::Json(); };
  return {{"tasks", score->macro_f1_tasks},
          {"pooled", score->macro_f1_pooled},
          {"accuracy", score->accuracy},
          {"support", score->support},
          {"invalid", score->invalid},
          {"ci95", pair(score->ci95)},
          {"ci95_pooled", pair(score->ci95_pooled)}};
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    bsft::Json const input = bsft::parse_json(line, "input");
    std::vector<bsft::Judged> items;
    for (auto const& i : input["items"]) items.push_back({i[0], i[1], i[2], i[3], i[4]});
    bsft::LabelSets const sets(input["labels"].get<std::vector<std::vector<std::string>>>());
    auto const board = bsft::score_items(items, sets, input["groups"], {input["draws"], input["seed"]});
    bsft::Json out{
        {"overall", json_of(board.overall)}, {"groups", bsft::Json::array()}, {"tasks", bsft::Json::array()}};
    for (auto const& group : board.groups) out["groups"].push_back(json_of(group));
    for (auto const& task : board.tasks) out["tasks"].push_back(json_of(task));
    std::puts(out.dump().c_str());
  }
}
