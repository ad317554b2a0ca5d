#include "trainer/report/report_page.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
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

class RunFolder {
 public:
  RunFolder() {
    char name[] = "/tmp/bsft-report-XXXXXX";
    root_ = ::mkdtemp(name);
    run = root_ / "my <run>";
    fs::create_directories(run);
  }
  ~RunFolder() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  void write(char const* name, std::string const& text) const { std::ofstream(run / name) << text; }
  std::string page(OrderedJson const& comparison = nullptr) const { return report_html({run}, comparison); }
  fs::path run;

 private:
  fs::path root_;
};

bool has(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }

TEST(ReportPage, IsOneFileThatRunsNoScriptAndSurvivesTornLines) {
  RunFolder folder;
  folder.write("results.json", example().dump());
  folder.write("config.yaml", "run:\n  name: \"<script>alert(1)</script>\"\n");
  folder.write("metrics.jsonl", "{\"step\": 1, \"loss\": 2.5}\n{\"step\": 2, \"loss\": 1.5}\n[1]\n{\"step\": 3, \"lo");
  folder.write("evaluations.jsonl",
               "{\"step\": 1, \"checkpoint\": \"step-00000001\", \"status\": \"failed\", \"error\": \"signal 9\"}\n"
               "{\"step\": 2, \"status\": \"scored\", \"suites\": {\"full\": {\"overall\": {\"macro_f1_tasks\": 0.5}, "
               "\"groups\": {\"proactive\": 0.5}}}}\n");
  write_report({folder.run}, folder.run / "report.html");
  std::string const html = read_file(folder.run / "report.html");
  EXPECT_TRUE(has(html, "<h2>my &lt;run&gt;</h2>"));
  EXPECT_TRUE(has(html, "dose &lt;check&gt;"));
  EXPECT_TRUE(has(html, "step-00000001 was not scored: signal 9"));
  EXPECT_TRUE(has(html, "&lt;script&gt;alert(1)&lt;/script&gt;"));
  EXPECT_TRUE(has(html, "above the untouched model (0.250) and the most frequent label (0.300)"));
  EXPECT_EQ(html.find("<script"), html.find("<script type=\"application/json\""));
  for (char const* foreign : {"src=", "http:", "https:", "@import", "url("})
    EXPECT_FALSE(has(html, foreign)) << foreign;
  EXPECT_THROW(write_report({folder.run.parent_path()}, folder.run / "no.html"), Invalid);
}

TEST(ReportPage, NoNameEndsTheBlockOfNumbers) {
  RunFolder folder;
  OrderedJson results = example();
  results["suites"]["full"]["tasks"]["</script><!--"] = score(0.5, "proactive");
  folder.write("results.json", results.dump());
  std::string const html = folder.page();
  auto const begin = html.find("id=\"numbers\">") + 13, end = html.find("</script>", begin);
  EXPECT_EQ(html.find("</script"), end) << "the only one is the block's own";
  OrderedJson const numbers = OrderedJson::parse(html.substr(begin, end - begin));
  EXPECT_EQ(numbers["runs"][0]["results"], results);
}

TEST(ReportPage, WhatIsNotThereIsSaid) {
  RunFolder folder;
  folder.write("config.yaml", "run: {}\n");
  std::string const html = folder.page();
  for (char const* words :
       {"There is no results.json yet", "No checkpoint has been evaluated yet", "No step has been logged yet",
        "There is no predictions.jsonl", "No memory has been measured yet", "There is no data.json"})
    EXPECT_TRUE(has(html, words)) << words;
  EXPECT_FALSE(has(html, "<svg"));
}

OrderedJson judged(int number, OrderedJson const& label, OrderedJson const& prediction) {
  return {{"id", "r" + std::to_string(number)},
          {"task", "dose"},
          {"label", label},
          {"conditions", {{"self", {{"prediction", prediction}}}}}};
}

TEST(ReportPage, LabelsBeyondTheLargestMatrixAreSaid) {
  RunFolder folder;
  folder.write("results.json", example().dump());
  std::string lines;
  for (int i = 0; i < 30; ++i) {
    std::string const label = "label " + std::to_string(i);
    lines += judged(i, label, label).dump() + "\n";
  }
  lines += judged(30, "label 0", nullptr).dump() + "\n" + judged(31, nullptr, "label 0").dump() + "\n";
  folder.write("predictions.jsonl", lines);
  std::string const html = folder.page();
  EXPECT_TRUE(has(html, "1 of 31 records were judged wrong (self)")) << html;
  EXPECT_TRUE(has(html, "30 of 31 records right"));
  EXPECT_TRUE(has(html, "More than 24 labels: 6 records of dose are not drawn."));
  EXPECT_TRUE(has(html, "gold label 0\nanswer (no label)\n1")) << html;
}

OrderedJson took(int rank, std::int64_t weights, std::int64_t peak) {
  constexpr std::int64_t mebibyte = 1 << 20;
  return {{"rank", rank},
          {"host", "node"},
          {"before", 50 * mebibyte},
          {"available", 4000 * mebibyte},
          {"weights", weights * mebibyte},
          {"copy", 7 * mebibyte},
          {"peak", peak * mebibyte}};
}

TEST(ReportPage, TheLastMeasurementOfTheMemoryIsDrawn) {
  RunFolder folder;
  folder.write("results.json", example().dump());
  OrderedJson first{{"event", "memory"}, {"step", 1}, {"ranks", {took(0, 20, 999)}}}, last = first;
  last["ranks"] = OrderedJson::array();
  for (int rank = 0; rank < 8; ++rank) last["ranks"].push_back(took(rank, 20 + rank, 80 + rank));
  folder.write("events.jsonl", first.dump() + "\n" + last.dump() + "\n");
  std::string const html = folder.page();
  EXPECT_TRUE(has(html, "Rank 7 on node took the most, 87 MiB; before the model was built 4000 MiB were available"));
  EXPECT_TRUE(has(html, "of 8 ranks those that took the most"));
  EXPECT_TRUE(has(html, "<title>rank 7 planned\nweights: 27</title>") &&
              has(html, "<title>rank 2 measured\nmeasured peak: 82</title>"));
  EXPECT_FALSE(has(html, "rank 1 planned") || has(html, "measured peak: 999"));
}

TEST(ReportPage, WhatTheDataShouldNotHaveIsAnAlarm) {
  RunFolder folder;
  folder.write("results.json", example().dump());
  OrderedJson data = OrderedJson::parse(R"({"data_digest": "0123", "max_length": 64, "passed": true, "findings": 0,
    "in_two_splits": {"cases": 0, "twin_sets": 0}, "lengths": {"bin": 5, "splits": {"train": [0, 3], "test": [1, 1]}},
    "tasks": {"dose <check>": {"proactive": {"train": {"records": 3, "tokens": 24, "shortest": 7, "median": 8,
      "longest": 9, "truncated": 0, "left_out": 4}, "test": {"records": 2, "tokens": 11, "truncated": 0}}}}})");
  folder.write("data.json", data.dump());
  std::string html = folder.page();
  EXPECT_TRUE(has(html, "The audit found 0 breaches; 0 cases and 0 twin sets lie in two splits.")) << html;
  EXPECT_TRUE(has(html, "4 over-long ones are not in the file, 0 are truncated."));
  EXPECT_TRUE(has(html, "<title>dose &lt;check&gt;\nproactive: 3</title>"));
  EXPECT_TRUE(has(html, "<title>6 to 10\ntest: 1</title>"));
  EXPECT_FALSE(has(html, "class=\"alarms\""));
  data["in_two_splits"]["cases"] = 2;
  data["tasks"]["dose <check>"]["proactive"]["test"]["truncated"] = 5;
  data["data_digest"] = "4567";
  folder.write("data.json", data.dump());
  html = folder.page();
  EXPECT_TRUE(has(html, "2 cases lie in two splits"));
  EXPECT_TRUE(has(html, "5 records have a truncated answer."));
  EXPECT_TRUE(has(html, "The results are of other data (digest 0123) than the training (4567)."));
}

TEST(ReportPage, StaysBelowAMegabyte) {
  RunFolder folder;
  OrderedJson results = example();
  for (int i = 0; i < 800; ++i)
    results["suites"]["full"]["tasks"]["task " + std::string(300, 'x') + std::to_string(i)] = score(0.5, "proactive");
  folder.write("results.json", results.dump());
  std::string lines;
  for (int i = 1; i <= 20000; ++i)
    lines += "{\"step\":" + std::to_string(i) + ",\"loss\":" + std::to_string(1.0 / i) +
             ",\"gradient_norm\":2.5,\"seconds\":{\"data\":0.1,\"total\":0.5}}\n";
  folder.write("metrics.jsonl", lines);
  std::string event = "{\"event\":\"straggler\",\"step\":7,\"rank\":1}\n";
  for (int i = 0; i < 13; ++i) event += event;
  folder.write("events.jsonl", event);
  folder.write("config.yaml", std::string(3000000, '<'));
  EXPECT_LT(folder.page().size(), 1000000U);
  folder.write("metrics.jsonl", lines.substr(0, lines.find("{\"step\":800,")));
  std::vector<fs::path> const many(8, folder.run);
  EXPECT_LT(report_html(many).size(), 1000000U);
}

TEST(ReportPage, AnotherShapeIsOneLineThatNamesThePlace) {
  RunFolder folder;
  OrderedJson results = example();
  results["suites"]["full"]["overall"]["ci95"] = {1, "two"};
  folder.write("results.json", results.dump());
  try {
    folder.page();
    ADD_FAILURE() << "accepted";
  } catch (Broken const& error) {
    EXPECT_TRUE(has(error.what(), "results.json: suites.full.overall.ci95[1] (it is string, not a number)"))
        << error.what();
  }
}

TEST(ReportText, IsTheHeadlineTable) {
  RunFolder folder;
  folder.write("results.json", example().dump());
  std::string const markdown = report_text({folder.run}, TableStyle::markdown);
  EXPECT_TRUE(
      has(markdown, "| full  | overall, mean over tasks |  0.250 | 0.900 | 0.800 to 1.000 |         0.300 |      40 |"))
      << markdown;
  EXPECT_TRUE(has(markdown, "**run my \\<run\\>**")) << markdown;
  std::string const terminal = report_text({folder.run}, TableStyle::terminal);
  EXPECT_TRUE(has(terminal, "full   proactive tasks            0.250  0.900  0.800 to 1.000          0.300       40"))
      << terminal;
}

TEST(ReportText, ComparesArms) {
  RunFolder folder;
  folder.write("results.json", example().dump());
  OrderedJson const part{{"value", 0.25}, {"ci95", {0.125, 0.375}}};
  OrderedJson comparison{{"suite", "full"}, {"split", "test"}, {"records", 40}};
  comparison["arms"] = {{{"name", "tokens"}, {"runs", {"r1"}}, {"overall", part}, {"groups", {{"proactive", part}}}}};
  OrderedJson overall = part;
  overall["p"] = 0.0001;
  overall["verdict"] = "words is better";
  comparison["pairs"] = {{{"a", "tokens"}, {"b", "words"}, {"overall", overall}}};
  std::string const text = report_text({folder.run}, TableStyle::terminal, comparison);
  EXPECT_TRUE(has(text, "tokens     1  0.250 ± 0.125")) << text;
  EXPECT_TRUE(has(
      text,
      "tokens against words: words is better; difference +0.250 (95 % interval 0.125 to 0.375), p < 0.001 (McNemar)."))
      << text;
  EXPECT_TRUE(has(report_html({folder.run, folder.run}, comparison), "words is better"));
  OrderedJson const one = comparison["pairs"].front();
  for (int more = 0; more < 6; ++more) comparison["pairs"].push_back(one);  // more than a reader takes in as sentences
  EXPECT_FALSE(has(report_text({folder.run}, TableStyle::terminal, comparison), "tokens against words"));
  EXPECT_TRUE(has(report_text({folder.run}, TableStyle::terminal, comparison), "p (McNemar)"));
  std::string const page = report_html({folder.run, folder.run}, comparison);
  EXPECT_TRUE(has(page, "<summary>Each arm against each</summary>") && !has(page, "tokens against words")) << page;
}

}  // namespace
}  // namespace bsft
