// The taxonomy's file: what is read, and the one-line refusals with file:line:column.
#include "data/schema/taxonomy.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "data/base/error.hpp"

namespace bsft {
namespace {

constexpr auto behaviors = R"(behaviors:
  - {name: reactive, token: "<|reactive|>", description: answer only}
  - {name: proactive, token: "<|proactive|>", description: speak up}
)";

class TaxonomyFile : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("bsft_taxonomy_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(std::string const& text) {
    auto const file = folder_ / "tasks.yaml";
    std::ofstream(file) << text;
    return file;
  }
  // Every line must end, after the folder, in one of these, in order.
  void expect_findings(std::string const& text, std::vector<std::string> const& wanted) {
    auto const file = write(text);
    try {
      read_taxonomy(file);
      FAIL() << "accepted:\n" << text;
    } catch (Findings const& error) {
      EXPECT_EQ(error.code(), Exit::config);
      ASSERT_EQ(error.lines().size(), wanted.size()) << error.what();
      for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_EQ(error.lines()[i], file.string() + wanted[i]);
    }
  }

  std::filesystem::path folder_;
};

TEST_F(TaxonomyFile, ReadsTheShippedOne) {
  auto const read = read_taxonomy("configs/behaviorbench.yaml");
  ASSERT_EQ(read.behaviors.size(), 2U);
  EXPECT_EQ(read.behaviors[1].token, "<|proactive|>");
  auto const* task = read.find("contraindication_alert");
  ASSERT_NE(task, nullptr);
  EXPECT_EQ(task->group, "proactive");
  EXPECT_EQ(task->level, 5);
  EXPECT_EQ(task->labels, (std::vector<std::string>{"STOP", "SAFE"}));
  EXPECT_EQ(read.find("contraindication"), nullptr);
}

TEST_F(TaxonomyFile, QuestionsAreOptional) {
  auto const read = read_taxonomy(write(
      std::string(behaviors) + "tasks:\n  - {name: a, group: g, behavior: reactive, level: 0, labels: [X, Y]}\n"));
  EXPECT_EQ(read.tasks.at(0).labels.size(), 2U);
  EXPECT_TRUE(read.tasks.at(0).questions.empty());
}

TEST_F(TaxonomyFile, RefusesAllAtOnce) {
  expect_findings(
      std::string(behaviors) +
          "tasks:\n"
          "  - {name: a, group: g, behaviour: reactive, behavior: reactive, level: 0, labels: [X, Y]}\n"
          "  - {name: a, group: g, behavior: proactiv, level: 6, labels: [X]}\n"
          "  - {name: b, group: g, behavior: reactive, level: 1, level: 2, labels: [X, X, Y]}\n"
          "  - {name: c, group: g, behavior: reactive, level: 1, labels: [X, Y], answers: [\"no {label}\"]}\n",
      {":5:25: unknown key \"behaviour\" (a task) did you mean behavior?", ":6:52: level 6 (not 0 to 5)",
       ":6:63: \"labels\" (1 of at least 2)", ":6:35: behaviour \"proactiv\" (not declared) did you mean proactive?",
       ":6:5: task \"a\" (stands twice) rename one", ":7:55: key \"level\" stands twice (a task) remove one",
       ":7:77: \"X\" stands twice (labels) remove one",
       ":8:80: answer \"no {label}\" (does not begin with its label) begin it with {label}"});
}

TEST_F(TaxonomyFile, ReadsContrastsAndSuites) {
  auto const read = read_taxonomy(write(
      std::string(behaviors) +
      "tasks:\n  - {name: a, group: g, behavior: reactive, level: 0, labels: [X, Y], contrast: {group: h, behavior: "
      "proactive, level: 4, answers: [\"{label} so\"]}}\n"
      "suites:\n  - {name: icu, tasks: [a], levels: [4, 5]}\n"));
  ASSERT_TRUE(read.tasks.at(0).contrast);
  EXPECT_EQ(read.tasks[0].contrast->behavior + read.tasks[0].contrast->group, "proactiveh");
  EXPECT_EQ(read.suites.at(0).levels, (std::vector<int>{4, 5}));
}

TEST_F(TaxonomyFile, RefusesContrastsAndSuitesThatSayNothing) {
  expect_findings(
      std::string(behaviors) +
          "tasks:\n  - {name: a, group: g, behavior: reactive, level: 0, labels: [X, Y, Z], contrast: {group: h, "
          "behavior: "
          "reactive, level: 4, answers: [\"{label} so\"]}}\n"
          "suites:\n  - {name: icu}\n  - {name: icu, tasks: [b]}\n  - {name: \"a b\", levels: [7]}\n",
      {":5:84: contrast of task \"a\" (the task's own behaviour) name another",
       ":5:84: contrast of task \"a\" (3 labels) declare two, one for each behaviour",
       ":7:5: suite \"icu\" (it chooses by nothing) name tasks, groups, behaviors, levels or sources",
       ":8:5: suite \"icu\" (stands twice) rename one", ":8:24: task \"b\" (not declared) did you mean a?",
       ":9:27: level 7 (not 0 to 5)", ":9:5: suite \"a b\" (a name is letters, digits, _ and -) rename it"});
}

TEST_F(TaxonomyFile, RefusesWhatIsNoTaxonomy) {
  expect_findings("behaviors: []\ntasks: []\n", {":1:12: \"behaviors\" (no list of behaviours)"});
  expect_findings("- a\n- b\n", {":1:1: the taxonomy (not a map) write key: value lines"});
  EXPECT_THROW(read_taxonomy(write("behaviors: [\n")), Findings);
  EXPECT_THROW(read_taxonomy(folder_ / "absent.yaml"), Error);
}

}  // namespace
}  // namespace bsft
