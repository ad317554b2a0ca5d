// The synthetic benchmark: solvable from the facts, unsolvable from the token, the same bytes everywhere.
#include "data/schema/generator.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"
#include "data/schema/generator_words.hpp"

namespace bsft {
namespace {

Taxonomy const& taxonomy() {
  static Taxonomy const read = read_taxonomy("configs/behaviorbench.yaml");
  return read;
}

// Answers from the charts alone; knows nothing of what was planted.
class Oracle {
 public:
  Oracle(Case const& facts, Words const& words) : facts_(facts), words_(words) {}

  std::string answer(Probe const& probe) const {
    auto const slot = [&](char const* name) { return probe.slots.at(name); };
    auto const& task = probe.task;
    if (task == "read_back") return find(Topic::beds, slot("place")).value;
    if (task == "attribution") return find(Topic::plan, slot("step")).value.substr(3);
    if (task == "fact_retrieval") return std::to_string(find(Topic::medications, slot("drug")).number);
    if (task == "image_reasoning") return find(Topic::film, slot("side")).value;
    if (task == "differential_diagnosis") return diagnosis_of(find(Topic::signs, slot("day")).value);
    if (task == "temporal_ordering")
      return find(Topic::events, slot("event")).number < facts_.operation ? "BEFORE" : "AFTER";
    if (task == "lab_interpretation") {
      static char const* const names[] = {"LOW", "NORMAL", "HIGH", ""};
      auto const& one = find(Topic::laboratories, slot("lab"));
      return one.key.empty() ? "" : names[class_of(laboratory(words_, one.key), one.number) & 3];
    }
    if (task == "dose_calculation")
      return std::to_string(find(Topic::medications, slot("drug")).number * (slot("count") == "three" ? 3 : 2));
    if (task == "clarification")
      return find(Topic::medications, slot("drug")).value == "dose open" ? "CLARIFY" : "PROCEED";
    if (task == "consistency_check")
      return find(Topic::film, slot("side")).value == slot("finding") ? "CONSISTENT" : "CONFLICT";
    if (task == "error_correction")
      return std::to_string(find(Topic::medications, slot("drug")).number) == slot("dose") ? "CORRECT" : "ERROR";
    if (task == "critical_value_alert")
      return std::stoi(slot("value")) > find(Topic::limits, slot("lab")).number ? "ALERT" : "WATCH";
    if (task == "omission_detection")
      return find(Topic::plan, slot("step")).value.starts_with("Dr ") ? "OMISSION" : "COMPLETE";
    if (task == "contraindication_alert") {
      auto const& bad = words_.bad_reactions;
      auto const& value = find(Topic::reactions, slot("drug")).value;
      return std::find(bad.begin(), bad.end(), value) != bad.end() ? "STOP" : "SAFE";
    }
    return "";
  }

 private:
  // The entry of that key; of a chart without it, an entry that says nothing.
  Entry const& find(Topic topic, std::string const& key) const {
    static Entry const nothing{"", "   ", -1};
    for (auto const& one : facts_.chart(topic))
      if (one.key == key) return one;
    return nothing;
  }

  Case const& facts_;
  Words const& words_;
};

double share_right(GeneratorOptions const& options, std::int64_t facts_of_next) {
  std::int64_t right = 0, all = 0;
  for (std::int64_t number = 0; number < options.cases; ++number) {
    auto const facts = draw_case(options, number);
    auto const told = draw_case(options, number + facts_of_next);
    for (auto const& probe : probes_of(options, facts, taxonomy())) {
      ++all;
      right += Oracle(told, words_of(options.vocabulary)).answer(probe) == probe.label;
    }
  }
  return static_cast<double>(right) / static_cast<double>(all);
}

std::vector<Record> records(GeneratorOptions const& options) {
  std::vector<Record> out;
  generate(options, taxonomy(), [&](Record const& record) { out.push_back(record); });
  return out;
}

std::string digest(GeneratorOptions const& options) {
  Digest digest;
  generate(options, taxonomy(), [&](Record const& record) { digest.add(to_json_line(record)); });
  return digest.hex();
}

TEST(Generator, OracleThatSeesTheFactsIsAlwaysRight) {
  for (auto const vocabulary : {Vocabulary::small, Vocabulary::large}) {
    GeneratorOptions const options{400, 7, vocabulary};
    EXPECT_EQ(share_right(options, 0), 1.0);
    EXPECT_LT(share_right(options, 1), 0.65) << "the facts of another case must not answer";
  }
}

TEST(Generator, TwinsDifferOnlyInWhatWasPlanted) {
  auto const all = records({60, 3, Vocabulary::small});
  std::map<std::string, std::vector<Record const*>> pairs;
  for (auto const& one : all)
    if (!one.twin_id.empty()) pairs[one.twin_id].push_back(&one);
  EXPECT_GE(pairs.size(), 90U);
  for (auto const& [id, pair] : pairs) {
    ASSERT_EQ(pair.size(), 2U) << id;
    auto const &planted = *pair[0], &clean = *pair[1];
    EXPECT_EQ(planted.action, "intervene");
    EXPECT_EQ(clean.action, "restrain");
    EXPECT_EQ(planted.case_id, clean.case_id);
    EXPECT_EQ(planted.split, clean.split);
    EXPECT_EQ(planted.task, clean.task);
    EXPECT_EQ(planted.behavior, clean.behavior);
    EXPECT_EQ(planted.level, clean.level);
    EXPECT_EQ(planted.label, planted.labels[0]);
    EXPECT_EQ(clean.label, clean.labels[1]);
    ASSERT_EQ(planted.turns.size(), clean.turns.size());
    for (std::size_t i = 0; i + 1 < planted.turns.size(); ++i)
      EXPECT_EQ(planted.turns[i].text(), clean.turns[i].text());
    EXPECT_NE(planted.turns.back().content, clean.turns.back().content);
  }
}

// Which words a planted question holds says nothing: each also stands in the dialogue, and in some clean question.
TEST(Generator, PlantedWordsStandInTheDialogueToo) {
  GeneratorOptions const options{200, 11, Vocabulary::small};
  std::map<std::string, std::set<std::string>> planted_words, clean_words;
  for (std::int64_t number = 0; number < options.cases; ++number) {
    auto const facts = draw_case(options, number);
    std::string dialogue;
    for (auto const& turn : tell(options, facts)) dialogue += turn.text() + "\n";
    for (auto const& probe : probes_of(options, facts, taxonomy())) {
      if (probe.pair < 0) continue;
      for (auto const* name : {"drug", "dose", "side", "finding", "step", "lab"}) {
        auto const slot = probe.slots.find(name);
        if (slot == probe.slots.end()) continue;
        EXPECT_NE(dialogue.find(slot->second), std::string::npos) << probe.task << ": " << slot->second;
        (probe.planted ? planted_words : clean_words)[probe.task + "/" + name].insert(slot->second);
      }
    }
  }
  for (auto const& [slot, words] : planted_words) EXPECT_EQ(words, clean_words[slot]) << slot;
}

// The token is set per task, so all that it can tell is the task: a guess by token alone is a constant.
TEST(Generator, BehaviorTokenTellsNothingOfTheLabel) {
  auto const all = records({2000, 5, Vocabulary::small});
  std::map<std::string, std::map<std::string, double>> labels;
  std::map<std::string, std::set<std::string>> tokens;
  std::set<std::string> twins;
  for (auto const& one : all) {
    labels[one.task][one.label] += 1;
    tokens[one.task].insert(one.behavior);
    if (!one.twin_id.empty()) twins.insert(one.task);
  }
  for (auto const& task : taxonomy().tasks) {
    if (task.contrast) continue;
    EXPECT_EQ(tokens[task.name], std::set<std::string>{task.behavior});
    double sum = 0, most = 0;
    for (auto const& [label, count] : labels[task.name]) {
      sum += count;
      most = std::max(most, count);
    }
    // Macro-F1 of the constant guess: one class has F1 2p / (p + 1), the others 0.
    double const p = most / sum, chance = 1.0 / static_cast<double>(task.labels.size());
    double const f1 = 2 * p / (p + 1) / static_cast<double>(labels[task.name].size());
    EXPECT_LE(f1, chance) << task.name;
    if (twins.count(task.name) == 1)
      EXPECT_EQ(p, 0.5) << task.name;
    else
      EXPECT_LT(p, 2 * chance) << task.name;
  }
}

TEST(Generator, CoversTheBenchmark) {
  auto const all = records({400, 1, Vocabulary::small});
  std::set<int> levels;
  std::set<std::string> groups, tasks, hard_tasks;
  std::map<std::string, std::set<std::string>> labels;
  std::map<std::string, std::int64_t> cases;
  for (auto const& one : all) {
    levels.insert(one.level);
    groups.insert(one.group);
    tasks.insert(one.task);
    labels[one.task].insert(one.label);
    ++cases[one.case_id];
    EXPECT_TRUE(one.response.starts_with(one.label + ":")) << one.response;
    EXPECT_EQ(one.suites.front(), "full");
    if (one.suites.size() > 1) hard_tasks.insert(one.task);
    EXPECT_EQ(parse_record(to_json_line(one), "here").turns.size(), one.turns.size());
  }
  EXPECT_EQ(levels, (std::set<int>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(groups, (std::set<std::string>{"mixed", "proactive", "reactive"}));
  EXPECT_GE(tasks.size(), 13U);
  EXPECT_EQ(tasks.size(), taxonomy().tasks.size() - 1);  // one is of the suite contrast
  EXPECT_GE(hard_tasks.size(), 5U);
  for (auto const& task : taxonomy().tasks) {
    if (task.contrast) continue;
    EXPECT_GE(task.questions.size(), 3U) << task.name;
    EXPECT_GE(labels[task.name].size(), std::min<std::size_t>(task.labels.size(), 7)) << task.name;
  }
  // From two questions about one chart to some thirty about four.
  for (auto const& [id, count] : cases) EXPECT_TRUE(count >= 3 && count <= 34) << id << ": " << count;
  EXPECT_GE(all.size(), cases.size() * 6);
}

// The same prompt under two behaviours that call for two labels; the other questions are the ones without the suite.
TEST(Generator, ContrastIsDecidedByTheBehaviour) {
  GeneratorOptions options{200, 3, Vocabulary::small};
  auto const without = records(options);
  options.contrast = true;
  auto const with = records(options);
  std::map<std::string, std::vector<Record>> pairs;
  std::vector<Record> others;
  for (auto const& one : with) {
    if (one.suites == std::vector<std::string>{"contrast"})
      pairs[one.twin_id].push_back(one);
    else
      others.push_back(one);
  }
  ASSERT_EQ(others.size(), without.size());
  auto const asked = [](Record const& one) {
    std::string text = one.case_id + " " + one.twin_id + " " + one.task + " " + one.label + " " + one.response;
    for (std::size_t t = 0; t + 1 < one.turns.size(); ++t) text += "\n" + one.turns[t].text();
    return text;
  };
  for (std::size_t i = 0; i < others.size(); ++i) EXPECT_EQ(asked(others[i]), asked(without[i]));
  ASSERT_GT(pairs.size(), 40U);
  for (auto const& [twin, pair] : pairs) {
    ASSERT_EQ(pair.size(), 2U) << twin;
    ASSERT_EQ(pair[0].turns.size(), pair[1].turns.size());
    for (std::size_t t = 0; t < pair[0].turns.size(); ++t) EXPECT_EQ(pair[0].turns[t].text(), pair[1].turns[t].text());
    EXPECT_EQ(pair[0].case_id, pair[1].case_id);
    EXPECT_EQ(pair[0].split, pair[1].split);
    EXPECT_EQ(pair[0].behavior + pair[0].label, "reactivePROCEED");
    EXPECT_EQ(pair[1].behavior + pair[1].label, "proactiveCLARIFY");
    EXPECT_TRUE(pair[1].response.ends_with("dose open.")) << pair[1].response;
  }
}

TEST(Generator, LevelsAreBehaviours) {
  GeneratorOptions options{20, 3, Vocabulary::small};
  auto const plain = records(options);
  options.by_level = true;
  auto const levels = records(options);
  auto const declared = read_taxonomy("configs/levels.yaml").behaviors;
  ASSERT_EQ(plain.size(), levels.size());
  for (std::size_t i = 0; i < plain.size(); ++i) {
    EXPECT_EQ(levels[i].behavior, declared.at(static_cast<std::size_t>(plain[i].level)).name);
    EXPECT_EQ(levels[i].response, plain[i].response);
  }
}

TEST(Generator, SplitsByCase) {
  std::map<Split, int> counts;
  for (std::int64_t number = 0; number < 500; ++number) {
    auto const facts = draw_case({500, 1, Vocabulary::small}, number);
    ++counts[facts.split];
    for (auto const& one : records_of({500, 1, Vocabulary::small}, taxonomy(), number))
      EXPECT_EQ(one.split, facts.split);
  }
  EXPECT_EQ(counts[Split::train], 450);
  EXPECT_EQ(counts[Split::dev], 20);
  EXPECT_EQ(counts[Split::test], 30);
}

TEST(Generator, SameSeedSameBytes) {
  EXPECT_EQ(digest({40, 1, Vocabulary::small}), digest({40, 1, Vocabulary::small}));
  EXPECT_NE(digest({40, 1, Vocabulary::small}), digest({40, 2, Vocabulary::small}));
  EXPECT_NE(digest({40, 1, Vocabulary::small}), digest({40, 1, Vocabulary::large}));
  // A case does not depend on how many there are.
  auto const alone = records_of({1, 9, Vocabulary::small}, taxonomy(), 17);
  auto const among = records({18, 9, Vocabulary::small});
  auto const last = std::vector<Record>(among.end() - static_cast<std::ptrdiff_t>(alone.size()), among.end());
  for (std::size_t i = 0; i < alone.size(); ++i) EXPECT_EQ(to_json_line(alone[i]), to_json_line(last[i]));
}

// Made by this test on x86-64 Linux with GCC 12; any machine must give it.  A change of wording or of a draw changes
// it: put the printed value here, and make configs/tiny's tokenizer anew if words are new.
TEST(Generator, BytesAreThoseOfTheGolden) {
  EXPECT_EQ(digest({100, 1, Vocabulary::small}), "37ead3cd6e50d73d182796cdb21f5438");
  EXPECT_EQ(digest({100, 1, Vocabulary::large}), "36008e04a5d8dc5a3ce096300fabe2e3");
}

TEST(Generator, ObeysTheDeclaredLabels) {
  auto changed = taxonomy();
  for (auto& task : changed.tasks)
    if (task.name == "image_reasoning") task.labels = {"effusion", "nodule"};
  try {
    generate({50, 1, Vocabulary::small}, changed, [](Record const&) {});
    FAIL() << "an undeclared label passed";
  } catch (Invalid const& error) {
    EXPECT_EQ(error.code(), Exit::config);
    EXPECT_NE(std::string(error.what()).find("of task \"image_reasoning\" (not declared)"), std::string::npos)
        << error.what();
  }
  changed = taxonomy();
  changed.tasks.front().questions = {"What of {nothing}?"};
  EXPECT_THROW(generate({50, 1, Vocabulary::small}, changed, [](Record const&) {}), Invalid);
  changed = taxonomy();
  changed.tasks.erase(changed.tasks.begin());
  EXPECT_THROW(generate({50, 1, Vocabulary::small}, changed, [](Record const&) {}), Invalid);
}

}  // namespace
}  // namespace bsft
