// Statistics of the cases on standard input, a JSON line each, for the comparison with scipy, statsmodels and
// scikit-learn:
//   {"mcnemar": [only_a, only_b]}  {"holm": [p, …]}  {"calibration": {"p": [[…], …], "truth": […], "bins": n}}
//   {"compare": {"labels", "groups", "draws", "seed", "items": [[task, group, truth, case, a, b], …]}}
#include <cstdio>
#include <iostream>

#include "data/base/json.hpp"
#include "trainer/evaluate/calibration.hpp"
#include "trainer/evaluate/statistics.hpp"

namespace {

using bsft::Json;

Json calibration(Json const& input) {
  bsft::CalibrationCount count(input["bins"].get<std::size_t>());
  for (std::size_t i = 0; i < input["p"].size(); ++i)
    count.add(input["p"][i].get<std::vector<double>>(), input["truth"][i].get<std::int32_t>());
  bsft::Calibration const result = count.result();
  Json bins = Json::array();
  for (auto const& bin : result.bins) bins.push_back({bin.count, bin.confidence, bin.right});
  return {{"ece", result.ece}, {"brier", result.brier}, {"bins", bins}};
}

Json json_of(std::optional<bsft::Difference> const& one) {
  if (!one) return nullptr;
  return {{"value", one->value},
          {"ci95", one->ci95 ? Json{one->ci95->low, one->ci95->high} : Json()},
          {"only", {one->only_a, one->only_b}},
          {"p", one->p},
          {"p_holm", one->p_holm},
          {"distinguishable", one->distinguishable()}};
}

Json comparison(Json const& input) {
  std::vector<bsft::Judged> a, b;
  for (auto const& i : input["items"]) {
    a.push_back({i[0], i[1], i[2], i[4], i[3]});
    b.push_back({i[0], i[1], i[2], i[5], i[3]});
  }
  bsft::LabelSets const sets(input["labels"].get<std::vector<std::vector<std::string>>>());
  auto const result = bsft::compare(a, b, sets, input["groups"], {input["draws"], input["seed"]});
  Json out{{"overall", json_of(result.overall)}, {"groups", Json::array()}, {"tasks", Json::array()}};
  for (auto const& group : result.groups) out["groups"].push_back(json_of(group));
  for (auto const& task : result.tasks) out["tasks"].push_back(json_of(task));
  return out;
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    Json const input = bsft::parse_json(line, "input");
    Json out;
    if (input.contains("mcnemar"))
      out = bsft::mcnemar(input["mcnemar"][0], input["mcnemar"][1]);
    else if (input.contains("holm"))
      out = bsft::holm(input["holm"].get<std::vector<double>>());
    else if (input.contains("calibration"))
      out = calibration(input["calibration"]);
    else
      out = comparison(input["compare"]);
    std::puts(out.dump().c_str());
  }
}
