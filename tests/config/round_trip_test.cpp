// What is written reads back; the digest and the difference see what matters and nothing else; the key table is whole.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "trainer/config/dialects.hpp"
#include "trainer/config/keys.hpp"
#include "trainer/config/scalar.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

Config read_text(std::string const& text, std::vector<std::string> const& overrides = {}) {
  fs::path const file = fs::temp_directory_path() / ("bsft_round_trip_" + std::to_string(::getpid()) + ".yaml");
  std::ofstream(file) << text;
  Config const config = read_config(file, overrides, Files::may_lack);
  fs::remove(file);
  return config;
}

std::string const base = "model: {path: m}\ndata: {file: d.h5}\n";

// A value unlike the default that is allowed, for every key.
std::string other_value(Key const& key) {
  static std::map<std::string, std::string> const special = {{"behavior.in_loss", "false"},
                                                             {"behavior.loss_weight", "1"},
                                                             {"behavior.position", "before_response"},
                                                             {"parallel.lanes", "4"},
                                                             {"train.max_tokens_per_pass", "9000"},
                                                             {"data.max_length", "100"},
                                                             {"evaluate.suites", "[hard, full]"},
                                                             {"evaluate.metric", "suites.full.tasks.x.macro_f1_tasks"},
                                                             {"model.init", "random"},
                                                             {"behavior.set", "[a, \"b c\"]"},
                                                             {"scheduler.warmup", "0.25"},
                                                             {"evaluate.arm", "sft"},
                                                             {"evaluate.policy", "wait"},
                                                             {"evaluate.conditions", "[self]"},
                                                             {"log.tensorboard", "true"},
                                                             {"parallel.zero", "1"},
                                                             {"run.dir", "\"runs/a b\""},
                                                             {"parallel.backend", "mpi"},
                                                             {"model.freeze", "embeddings"},
                                                             {"model.shape.hidden_size", "64"},
                                                             {"model.shape.num_attention_heads", "4"},
                                                             {"model.shape.num_key_value_heads", "2"}};
  if (auto const found = special.find(key.name); found != special.end()) return found->second;
  Config defaults;
  Field const field = key.field(defaults);
  if (std::holds_alternative<std::string*>(field)) {
    for (std::string const& choice : key.choices)
      if (choice != *std::get<std::string*>(field) &&
          std::find(key.not_built.begin(), key.not_built.end(), choice) == key.not_built.end())
        return choice;
    return key.choices.empty() ? "other" : *std::get<std::string*>(field);
  }
  if (std::holds_alternative<double*>(field)) return "0.123456789";
  return key.name == "parallel.evaluator_ranks" ? "1" : "77";
}

TEST(RoundTrip, EveryKey) {
  std::vector<std::string> settings;
  for (Key const& key : keys()) settings.push_back(key.name + "=" + other_value(key));
  Config const first = read_text(base, settings);
  std::string const written_first = to_yaml(first);
  Config const second = read_text(written_first);
  EXPECT_EQ(to_yaml(second), written_first);
  EXPECT_EQ(digest_of(second), digest_of(first));
  EXPECT_TRUE(difference(first, second).empty());
  for (Key const& key : keys()) EXPECT_EQ(written(key, second), written(key, first)) << key.name;
}

TEST(RoundTrip, DifferenceNamesTheKeys) {
  Config const a = read_text(base), b = read_text(base, {"optimizer.learning_rate=2e-4", "evaluate.suites=[full, hard]",
                                                         "log.every=3", "run.dir=x", "checkpoint.resume=auto"});
  auto const differs = difference(a, b);
  ASSERT_EQ(differs.size(), 2u);
  EXPECT_EQ(differs.at("optimizer.learning_rate"), std::make_pair(std::string("1e-4"), std::string("2e-4")));
  EXPECT_EQ(differs.at("evaluate.suites"), std::make_pair(std::string("[full]"), std::string("[full, hard]")));
}

TEST(RoundTrip, DigestIgnoresWhereAndHowLoudly) {
  std::string const digest = digest_of(read_text(base));
  EXPECT_EQ(digest_of(read_text(base, {"run.dir=x", "log.level=quiet", "log.every=1", "checkpoint.resume=auto",
                                       "parallel.hang_seconds=7", "parallel.startup_seconds=7"})),
            digest);
  EXPECT_NE(digest_of(read_text(base, {"run.seed=2"})), digest);
  EXPECT_NE(digest_of(read_text(base, {"optimizer.epsilon=1.0000000000000001e-7"})), digest);
}

TEST(RoundTrip, OverridesWin) {
  EXPECT_EQ(read_text(base + "run: {seed: 5}", {"run.seed=6"}).run.seed, 6u);
  EXPECT_EQ(read_text(base, {"run.seed=18446744073709551615"}).run.seed, 18446744073709551615u);
  EXPECT_EQ(read_text(base, {"optimizer.learning_rate=1e-4"}).optimizer.learning_rate, 1e-4);
  EXPECT_EQ(read_text(base, {"optimizer.learning_rate=.5"}).optimizer.learning_rate, .5);
  EXPECT_EQ(read_text(base + "run: {dir: x}", {"run.dir="}).run.dir, "");
  EXPECT_EQ(read_text(base, {"evaluate.conditions=[self, none]"}).evaluate.conditions,
            (std::vector<std::string>{"self", "none"}));
  EXPECT_EQ(read_text(base, {"behavior.loss_weight=0.1"}).behavior.loss_weight, 0.1);
  EXPECT_EQ(read_text(base, {"model.template=chatml"}).model.template_family, "chatml");
}

TEST(RoundTrip, TextThatLooksLikeSomethingElse) {
  for (std::string const text : {"a b", "null", "~", "true", "010", "#1", "a: b", "- a", "\"q\"", "a\\b", "é", "'",
                                 "*x", "&x", "", "a,b", "{"}) {
    std::vector<std::string> findings;
    Yaml const tree = parse_yaml("k: " + write_scalar(text), "f", findings);
    ASSERT_TRUE(findings.empty()) << text << " " << findings[0];
    std::string back;
    EXPECT_EQ(read_scalar(*tree->entries[0].value, back), "") << text;
    EXPECT_EQ(back, text);
  }
}

TEST(KeyTable, NamesAreUniqueAndSectionsTogether) {
  std::set<std::string> names, closed;
  std::string open;
  for (Key const& key : keys()) {
    EXPECT_TRUE(names.insert(key.name).second) << key.name;
    EXPECT_FALSE(key.help.empty()) << key.name;
    std::string const section = key.name.substr(0, key.name.find('.'));
    if (section != open) {
      EXPECT_TRUE(closed.insert(section).second) << section << " is in two places";
      open = section;
    }
    for (std::string const& choice : key.not_built)
      EXPECT_NE(std::find(key.choices.begin(), key.choices.end(), choice), key.choices.end()) << key.name;
  }
}

TEST(KeyTable, DefaultsAreAllowed) {
  Config const config = read_text(base);
  Config defaults;
  defaults.model.path = "m";
  defaults.data.file = "d.h5";
  EXPECT_EQ(to_yaml(config), to_yaml(defaults));
  EXPECT_EQ(to_yaml(read_text(to_yaml(defaults))), to_yaml(defaults));
}

// As many values as the structs hold: a member without a key would never be read.
TEST(KeyTable, EveryMemberHasAKey) {
  std::set<void*> members;
  Config config;
  for (Key const& key : keys()) {
    void* const member = std::visit([](auto* pointer) { return static_cast<void*>(pointer); }, key.field(config));
    EXPECT_TRUE(members.insert(member).second) << key.name << " shares a member";
  }
  std::string const header = read_file("trainer/config/config.hpp");
  std::size_t count = 0;
  for (std::size_t i = header.find("struct RunConfig"); (i = header.find(" = ", i)) != std::string::npos; ++i) {
    if (header.find("Files files", i - 20) < i) continue;
    ++count;
  }
  for (char const* plain : {"std::string dir;", "std::string path;", "std::string hub_id;", "std::string file;",
                            "std::vector<std::string> set;"}) {
    EXPECT_NE(header.find(plain), std::string::npos) << plain;
    ++count;
  }
  EXPECT_EQ(keys().size(), count);
}

TEST(KeyTable, CommittedReadmeIsItsOutput) {
  EXPECT_TRUE(read_file("configs/README.md") == keys_markdown()) << "run: bsft config keys > configs/README.md";
  std::string const some = keys_markdown("warm");
  EXPECT_NE(some.find("scheduler.warmup"), std::string::npos);
  EXPECT_EQ(some.find("run.seed"), std::string::npos);
}

TEST(Dialects, NameKeysThatExist) {
  auto const [table, count] = foreign_names();
  EXPECT_GE(count, 90u);
  std::set<std::string> seen;
  for (std::size_t i = 0; i < count; ++i) {
    std::string const name = table[i].name, key = table[i].key, remark = table[i].remark;
    EXPECT_TRUE(seen.insert(name).second) << name << " twice";
    EXPECT_TRUE(key.empty() || find_key(key) != nullptr) << name << " -> " << key;
    EXPECT_FALSE(key.empty() && remark.empty()) << name;
    for (Key const& ours : keys()) EXPECT_NE(ours.name.substr(ours.name.rfind('.') + 1), name) << "is a key here";
  }
}

}  // namespace
}  // namespace bsft
