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
  for (char const* words : {"There is no results.json yet", "No checkpoint has been evaluated yet",
                            "No step has been logged yet", "There is no predictions.jsonl"})
    EXPECT_TRUE(has(html, words)) << words;
  EXPECT_FALSE(has(html, "<svg"));
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
