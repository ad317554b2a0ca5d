#include "trainer/report/report_page.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "trainer/report/chart.hpp"
#include "trainer/report/results_table.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

OrderedJson score(double value, char const* group = nullptr) {
  OrderedJson json{{"macro_f1_tasks", value},
                   {"macro_f1_pooled", value + 0.01},
                   {"accuracy", value + 0.02},
                   {"ci95", {value - 0.1, value + 0.1}},
                   {"ci95_pooled", {value - 0.1, value + 0.1}},
                   {"support", 40},
                   {"invalid", 0},
                   {"majority", {{"macro_f1_tasks", 0.3}, {"macro_f1_pooled", 0.31}, {"accuracy", 0.5}}}};
  if (group != nullptr) json["group"] = group;
  return json;
}

OrderedJson suites(double value) {
  return {{"full",
           {{"overall", score(value)},
            {"groups", {{"proactive", score(value)}}},
            {"tasks", {{"dose <check>", score(value, "proactive")}}}}}};
}

OrderedJson example() {
  OrderedJson results{{"split", "test"}, {"headline", "self"}, {"suites", suites(0.9)}};
  results["conditions"] = {{"self", {{"suites", suites(0.9)}}}, {"none", {{"suites", suites(0.7)}}}};
  results["steer"] = {{"full", {{"selection", {{"macro_f1", 0.95}, {"accuracy", 0.96}}}}}};
  results["before"] = {{"suites", suites(0.2)},
                       {"conditions", {{"none", {{"suites", suites(0.25)}}}}},
                       {"steer", {{"full", OrderedJson::object()}}}};
  results["data_digest"] = "0123";
  return results;
}

TEST(ResultsTable, ShowsBeforeAndAfter) {
  std::string const text = results_text(example(), TableStyle::markdown);
  // before is the untouched model without a token; the last column is the trained one without a token
  EXPECT_NE(text.find("| proactive / dose <check>   |      40 |    0.300 |  0.250 | 0.900 | 0.800 to 1.000 | 0.700 |"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("| overall, accuracy"), std::string::npos);
  EXPECT_NE(text.find("| full  | behaviour selected, macro-F1 |      - | 0.950 |"), std::string::npos) << text;
}

TEST(ResultsTable, AForeignShapeIsBroken) {
  EXPECT_THROW(results_text({{"suites", {{"full", {{"overall", OrderedJson::object()}}}}}}, TableStyle::terminal),
               Broken);
}

TEST(Chart, ThinsButKeepsSpikesAndLeavesOutWhatIsNotFinite) {
  Series series{"loss", {}};
  for (int i = 0; i < 50000; ++i) series.points.emplace_back(i, i == 777 ? 99.0 : 1.0);
  series.points.emplace_back(50000, NAN);
  std::string const svg = line_chart("loss", "step", {series});
  EXPECT_LT(svg.size(), 20000U);
  EXPECT_NE(svg.find(",34.0 "), std::string::npos) << "the spike is the top of the picture";
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(line_chart("none", "step", {{"empty", {}}}), "");
}

TEST(ReportPage, IsOneFileWithoutScriptsAndSurvivesTornLines) {
  char name[] = "/tmp/bsft-report-XXXXXX";
  fs::path const run = fs::path(::mkdtemp(name)) / "my <run>";
  fs::create_directories(run);
  std::ofstream(run / "results.json") << example().dump();
  std::ofstream(run / "config.yaml") << "run:\n  name: \"<script>alert(1)</script>\"\n";
  std::ofstream(run / "metrics.jsonl")
      << "{\"step\": 1, \"loss\": 2.5}\n{\"step\": 2, \"loss\": 1.5}\n{\"step\": 3, \"lo";
  std::ofstream(run / "evaluations.jsonl")
      << "{\"step\": 1, \"checkpoint\": \"step-00000001\", \"status\": \"failed\", \"error\": \"ended by signal 9\"}\n"
      << "{\"step\": 2, \"status\": \"scored\", \"suites\": {\"full\": {\"overall\": {\"macro_f1_tasks\": 0.5}, "
         "\"groups\": {\"proactive\": 0.5}}}}\n";
  write_report({run}, run / "report.html");
  std::string const html = read_file(run / "report.html");
  EXPECT_NE(html.find("<h2>my &lt;run&gt;</h2>"), std::string::npos);
  EXPECT_NE(html.find("dose &lt;check&gt;"), std::string::npos);
  EXPECT_NE(html.find("step-00000001 was not scored: ended by signal 9"), std::string::npos);
  EXPECT_NE(html.find("<polyline"), std::string::npos);
  for (char const* foreign : {"<script", "src=", "href=", "@import", "url("})
    EXPECT_EQ(html.find(foreign), std::string::npos) << foreign;
  EXPECT_THROW(write_report({run.parent_path()}, run / "no.html"), Invalid);
  fs::remove_all(run.parent_path());
}

}  // namespace
}  // namespace bsft
