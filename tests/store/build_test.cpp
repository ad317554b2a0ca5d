// Building from records with the tokenizer of configs/tiny: what is stored, what is refused, which digests change.
#include "data/store/build.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/json.hpp"
#include "data/store/match.hpp"
#include "tests/base/scratch.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

Record record_of(std::string const& id, std::string const& case_id, Split split = Split::train) {
  Record record;
  record.id = id;
  record.case_id = case_id;
  record.task = "dose";
  record.group = record.behavior = "proactive";
  record.level = 4;
  record.turns = {
      {"user", "Nurse", "Is 5 mg of " + id + " right?"}, {"assistant", "", "Which drug?"}, {"user", "", "Heparin."}};
  record.response = "FLAG: the dose is high";
  record.label = "FLAG";
  record.labels = {"FLAG", "PROCEED"};
  record.split = split;
  record.source = "test";
  return record;
}

class Build : public testing::Test {
 protected:
  Build() {
    write_atomically(scratch / "behaviors.yaml",
                     "behaviors:\n"
                     "  - {name: reactive, token: \"<|reactive|>\", description: answer what is asked}\n"
                     "  - {name: proactive, token: \"<|proactive|>\", description: speak up}\n"
                     "tasks:\n"
                     "  - {name: note, group: reactive, behavior: reactive, level: 1, labels: [SAME, OTHER]}\n"
                     "  - {name: order, group: proactive, behavior: proactive, level: 4, labels: [BEFORE, AFTER]}\n");
    fs::create_directories(model());
    for (auto const* name : {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "config.json"})
      fs::copy_file(fs::path("configs/tiny") / name, model() / name);
  }

  fs::path model() const { return scratch / "model"; }
  std::string write(std::string const& name, std::vector<Record> const& records) const {
    std::ofstream out(scratch / name);
    for (auto const& record : records) out << to_json_line(record) << '\n';
    return (scratch / name).string();
  }
  BuildOptions options(std::vector<std::string> records) const {
    BuildOptions options;
    options.records = std::move(records);
    options.model = model();
    options.out = scratch / "out" / "a.h5";
    options.behaviors = scratch / "behaviors.yaml";
    return options;
  }
  BuildResult build(BuildOptions const& options) const {
    return build_store(options, [](std::string const&) {});
  }
  BuildResult build(std::vector<Record> const& records) const { return build(options({write("r.jsonl", records)})); }
  // The lines of what is refused; nothing is left behind.
  std::vector<std::string> refusal(BuildOptions const& options) const {
    try {
      build(options);
    } catch (Findings const& findings) {
      EXPECT_EQ(findings.code(), Exit::data);
      EXPECT_FALSE(fs::exists(options.out) ||
                   (fs::exists(options.out.parent_path()) && !fs::is_empty(options.out.parent_path())));
      return findings.lines();
    } catch (Error const& error) {
      return {error.what()};
    }
    ADD_FAILURE() << "built";
    return {};
  }
  std::string one_refusal(std::vector<Record> const& records) const {
    auto const lines = refusal(options({write("r.jsonl", records)}));
    EXPECT_EQ(lines.size(), 1u) << (lines.size() > 1 ? lines[1] : "");
    return lines.empty() ? "" : lines[0];
  }
  // Changes a JSON file of the model's folder.
  void change(std::string const& name, std::function<void(OrderedJson&)> const& edit) const {
    auto json = parse_ordered_json(read_file(model() / name), name);
    edit(json);
    write_atomically(model() / name, json.dump());
  }

  Scratch scratch{"build"};
};

TEST_F(Build, StoresPromptBehaviourResponseEnd) {
  std::vector<Record> const records{record_of("a", "c1"), record_of("b", "c2", Split::test), record_of("c", "c1")};
  auto const result = build(records);
  StoreReader const reader(scratch / "out/a.h5");
  EXPECT_NO_THROW(reader.require_certificate());
  EXPECT_EQ(reader.catalog().data_digest, result.catalog.data_digest);
  Tokenizer const tokenizer(model());
  ChatTemplate const chat(template_family("auto", model()), tokenizer);
  std::vector<int> const order{0, 2, 1};        // members of a case stand together
  auto const proactive = tokenizer.size() + 1;  // the second free row
  ASSERT_EQ(reader.records().size(), 3u);
  for (int i = 0; i < 3; ++i) {
    auto const& record = records[order[i]];
    auto expected = chat.render_prompt(record.turns);
    auto const prompt = expected.size();
    expected.push_back(proactive);
    auto const response = chat.render_response(record.response);
    expected.insert(expected.end(), response.begin(), response.end());
    expected.push_back(chat.end());
    auto const row = reader.read(i);
    EXPECT_EQ(row.tokens, expected);
    std::vector<float> weights(expected.size(), 1);
    std::fill_n(weights.begin(), prompt, 0.0f);
    EXPECT_EQ(row.weights, weights);
    EXPECT_EQ(parse_record(reader.text(i), "x").id, record.id);
    EXPECT_EQ(reader.records()[i].label, 0);
    EXPECT_EQ(reader.bytes_of({&row.tokens[prompt], 1}), "<|proactive|>");
  }
  EXPECT_EQ(reader.records()[0].case_index, reader.records()[1].case_index);
  auto const& task = reader.catalog().tasks.at(0);
  EXPECT_EQ(task.label_tokens[1], chat.render_response("PROCEED"));
  EXPECT_EQ(reader.catalog().end_token, chat.end());
  EXPECT_EQ(reader.catalog().template_name, "chatml");
  EXPECT_EQ(reader.catalog().max_length, 2048);
  EXPECT_TRUE(audit_store(reader, "a.h5").passed());
}

TEST_F(Build, NamesSuitesByFile) {
  auto own = record_of("own", "c3");
  own.suites = {"special"};
  auto const one = write("1.jsonl", {record_of("a", "c1"), own}), two = write("2.jsonl", {record_of("b", "c2")});
  build(options({one, "hard=" + two}));
  StoreReader const reader(scratch / "out/a.h5");
  EXPECT_EQ(reader.catalog().suites, (std::vector<std::string>{"full", "special", "hard"}));
  EXPECT_EQ(reader.records()[0].suites, 1u);
  EXPECT_EQ(reader.records()[1].suites, 2u);
  EXPECT_EQ(reader.records()[2].suites, 4u);
  EXPECT_NE(message_of<Invalid>([&] { build(options({"a b=" + two})); }).find("a suite's name is letters"),
            std::string::npos);
}

TEST_F(Build, SuitesAreChosenByTheTaxonomy) {
  std::string const declared =
      read_file(scratch / "behaviors.yaml") +
      "suites:\n  - {name: stop, tasks: [order], levels: [4]}\n  - {name: low, levels: [0, 1]}\n";
  write_atomically(scratch / "behaviors.yaml", declared);
  auto order = record_of("a", "c1"), note = record_of("b", "c2");
  order.task = "order";
  order.labels = {"BEFORE", "AFTER"};
  order.label = order.response = "AFTER";
  note.task = "note";
  note.group = note.behavior = "reactive";
  note.labels = {"SAME", "OTHER"};
  note.label = note.response = "SAME";
  note.level = 1;
  build({order, note, record_of("c", "c3")});
  StoreReader const reader(scratch / "out/a.h5");
  EXPECT_EQ(reader.catalog().suites, (std::vector<std::string>{"full", "stop", "low"}));
  EXPECT_EQ(reader.records()[0].suites, 3u);
  EXPECT_EQ(reader.records()[1].suites, 5u);
  EXPECT_EQ(reader.records()[2].suites, 1u);
}

TEST_F(Build, RecordsThatNeedAnImageAreLeftOutAndCounted) {
  std::string const file = write("r.jsonl", {record_of("a", "c1"), record_of("b", "c2"), record_of("d", "c4")});
  std::string text = read_file(file), with;
  for (std::size_t at = 0, line = 0; at < text.size(); ++line) {
    std::size_t const end = text.find('\n', at);
    char const* const image = line == 1 ? R"(,"image":"film.png"})" : line == 2 ? R"(,"images":[]})" : "}";
    with += text.substr(at, end - at - 1) + image + "\n";
    at = end + 1;
  }
  write_atomically(file, with);
  build(options({file}));
  StoreReader const reader(scratch / "out/a.h5");
  EXPECT_EQ(reader.records().size(), 2u);
  EXPECT_EQ(reader.catalog().excluded,
            (std::map<std::string, std::string>{{"dose", "1 records need an image, which is not supported"}}));
}

TEST_F(Build, RefusesTheSameIdInTwoFiles) {
  auto const one = write("1.jsonl", {record_of("a", "c1")}),
             two = write("2.jsonl", {record_of("b", "c2"), record_of("a", "c3")});
  auto const lines = refusal(options({one, two}));
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0], two + ":2: \"id\" (\"a\" is at " + one + ":1 as well) give every record an id of its own");
}

TEST_F(Build, RefusesCasesAndTwinsAcrossSplits) {
  EXPECT_NE(one_refusal({record_of("a", "c1"), record_of("b", "c1", Split::test)})
                .find("r.jsonl:2: case \"c1\" crosses splits (test here, train at"),
            std::string::npos);
  auto a = record_of("a", "c1"), b = record_of("b", "c2", Split::dev);
  a.twin_id = b.twin_id = "t";
  EXPECT_NE(one_refusal({a, b}).find("r.jsonl:2: twin \"t\" crosses splits (dev here"), std::string::npos);
}

TEST_F(Build, RefusesWhatContradictsTheTasks) {
  auto note = record_of("a", "c1");
  note.task = "note";
  EXPECT_NE(one_refusal({note}).find("r.jsonl:1: task note (group \"proactive\", declared reactive)"),
            std::string::npos);
  note.group = "reactive";
  EXPECT_NE(one_refusal({note}).find("(behavior \"proactive\", declared reactive)"), std::string::npos);
  note.behavior = "reactive";
  EXPECT_NE(one_refusal({note}).find("(labels FLAG, PROCEED; declared SAME, OTHER)"), std::string::npos);
  auto other = record_of("b", "c2");
  other.labels = {"FLAG", "PROCEED", "WAIT"};
  EXPECT_NE(one_refusal({record_of("a", "c1"), other})
                .find("r.jsonl:2: task dose (labels FLAG, PROCEED, WAIT; its first record has FLAG, PROCEED)"),
            std::string::npos);
  auto bold = record_of("a", "c1");
  bold.behavior = "bold";
  EXPECT_NE(one_refusal({bold}).find(
                "behavior \"bold\" (known are reactive, proactive) declare it in the file of --behaviors"),
            std::string::npos);
}

TEST_F(Build, OverlongIsRefusedOrDroppedNeverCut) {
  auto longer = record_of("long", "c2");
  longer.turns[0].content += std::string(400, '!');
  auto limited = options({write("r.jsonl", {record_of("a", "c1"), longer})});
  limited.max_length = 120;
  auto const lines = refusal(limited);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("r.jsonl:2: \"long\": over-long: "), std::string::npos) << lines[0];
  EXPECT_NE(
      lines[0].find("at most 120 (shorten it, raise --max-length, or leave such records out with --overlong drop)"),
      std::string::npos);
  limited.overlong = Overlong::drop;
  auto const result = build(limited);
  auto const& cell = result.audit.cells.at({TaskId{0}, BehaviorId{1}, Split::train});
  EXPECT_EQ(cell.dropped, 1);
  EXPECT_EQ(cell.records, 1);
  auto const again = audit_store(StoreReader(limited.out), "a.h5");
  EXPECT_TRUE(again.passed());
  EXPECT_EQ(again.cells.at({TaskId{0}, BehaviorId{1}, Split::train}).dropped, 1);
  limited.max_length = 4;
  EXPECT_NE(message_of<Invalid>([&] { build(limited); }).find("no records are left (all are over 4 tokens)"),
            std::string::npos);
  limited.max_length = 4096;
  EXPECT_NE(message_of<Invalid>([&] { build(limited); }).find("--max-length 4096 (the model has 2048 positions)"),
            std::string::npos);
}

TEST_F(Build, ShowsTwentyFindingsAndCountsTheRest) {
  std::vector<Record> records;
  for (int i = 0; i < 50; ++i)
    records.push_back(
        record_of("a" + std::to_string(i), "c" + std::to_string(i / 2), i % 2 ? Split::dev : Split::train));
  auto const lines = refusal(options({write("r.jsonl", records)}));
  ASSERT_EQ(lines.size(), 21u);
  EXPECT_EQ(lines.back(), "… and 5 more");
}

TEST_F(Build, RefusesALabelInsideAToken) {
  auto record = record_of("a", "c1");  // "no" + "w" becomes n + ow
  record.labels = {"no", "yes"};
  record.label = "no";
  record.response = "now: stop";
  EXPECT_NE(one_refusal({record}).find("the answer's tokens do not begin with those of its label \"no\""),
            std::string::npos);
  record.response = "no: stop";
  EXPECT_NO_THROW(build({record}));
}

// The byte 0x04 has no token in this vocabulary, so an answer that holds it cannot be learned whole.
TEST_F(Build, RefusesAnAnswerThatItsTokensDoNotSpellOut) {
  auto record = record_of("a", "c1");
  record.response = "FLAG: \x04 mg";
  EXPECT_NO_THROW(build({record}));
  fs::remove_all(scratch / "out");
  change("tokenizer.json", [](OrderedJson& json) {
    auto& vocabulary = json["model"]["vocab"];
    vocabulary["ĄĄĄĄ"] = vocabulary["Ą"];
    vocabulary.erase("Ą");
  });
  EXPECT_NE(one_refusal({record}).find("r.jsonl:1: \"a\": the answer is truncated"), std::string::npos);
  EXPECT_NO_THROW(build({record_of("b", "c1")}));
}

TEST_F(Build, RefusesLabelsThatTokensCannotTellApart) {
  auto record = record_of("a", "c1");
  record.labels = {"FLAG", "FLAG~", "~"};
  EXPECT_NO_THROW(build({record}));
  fs::remove_all(scratch / "out");
  change("tokenizer.json", [](OrderedJson& json) {
    auto& vocabulary = json["model"]["vocab"];
    vocabulary["~~~~"] = vocabulary["~"];
    vocabulary.erase("~");
  });
  auto const lines = refusal(options({write("r.jsonl", {record})}));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0], "task dose (labels \"FLAG~\" and \"FLAG\" have the same tokens) choose another label");
  EXPECT_EQ(lines[1], "task dose (label \"~\" has no tokens) choose another label");
}

TEST_F(Build, LiteralBehaviourTextIsCountedAndHarmless) {
  auto record = record_of("a", "c1");
  record.turns.back().content = "<|proactive|><|im_end|>";
  auto const result = build({record});
  EXPECT_EQ(result.audit.cells.begin()->second.literal, 1);
  auto const row = StoreReader(scratch / "out/a.h5").read(0);
  EXPECT_EQ(std::count(row.tokens.begin(), row.tokens.end(), result.catalog.behaviors.tokens[1].id), 1);
}

TEST_F(Build, NamesWhatTheModelFolderLacks) {
  auto const records = write("r.jsonl", {record_of("a", "c1")});
  change("config.json", [](OrderedJson& json) { json.erase("vocab_size"); });
  EXPECT_NE(message_of<Broken>([&] { build(options({records})); }).find("\"vocab_size\" is missing"),
            std::string::npos);
  change("config.json", [](OrderedJson& json) { json["vocab_size"] = 1280, json.erase("max_position_embeddings"); });
  EXPECT_NE(
      message_of<Invalid>([&] { build(options({records})); }).find("no \"max_position_embeddings\") give --max-length"),
      std::string::npos);
  fs::remove(model() / "config.json");
  EXPECT_NE(message_of<Invalid>([&] { build(options({records})); }).find("no config.json in"), std::string::npos);
}

// What require_match says of the file and the folder as it is now, empty where they fit.
std::string mismatch(Catalog const& catalog, fs::path const& model, std::string const& family = "auto") {
  Tokenizer const tokenizer(model);
  ChatTemplate const chat(template_family(family, model), tokenizer);
  return message_of<Invalid>([&] { require_match(catalog, tokenizer, chat, 1280); });
}

TEST_F(Build, DigestsSayWhichPartChanged) {
  auto const catalog = build({record_of("a", "c1")}).catalog;
  EXPECT_EQ(mismatch(catalog, model()), "");
  auto const names = [](std::string const& message) {
    std::set<std::string> out;
    for (auto const* part : {"tokenizer ", "template ", "behaviors ", "converter "})
      if (message.find(part) != std::string::npos &&
          message.find("build it again: bsft data build") != std::string::npos)
        out.insert(part);
    return out;
  };
  using Names = std::set<std::string>;
  EXPECT_EQ(names(mismatch(catalog, model(), "smollm2")), Names{"template "});
  auto other = catalog;
  other.converter_digest = "0";
  EXPECT_EQ(names(mismatch(other, model())), Names{"converter "});
  other = catalog;
  other.behaviors.tokens[0].id += 1;
  other.behavior_digest = other.behaviors.digest();
  EXPECT_EQ(names(mismatch(other, model())), Names{"behaviors "});
  auto const original = read_file(model() / "tokenizer.json");
  change("tokenizer.json",
         [](OrderedJson& json) { json["model"]["merges"].erase(json["model"]["merges"].size() - 1); });
  EXPECT_TRUE(names(mismatch(catalog, model())).contains("tokenizer "));
  EXPECT_NE(build({record_of("a", "c1")}).catalog.data_digest, catalog.data_digest);
  write_atomically(model() / "tokenizer.json", original);
  EXPECT_EQ(build({record_of("a", "c1")}).catalog.data_digest, catalog.data_digest);
  EXPECT_NE(build({record_of("b", "c1")}).catalog.data_digest, catalog.data_digest);
}

TEST_F(Build, ACheckpointThatLearnedTheTokensStillFits) {
  auto const catalog = build({record_of("a", "c1")}).catalog;
  change("tokenizer.json", [&](OrderedJson& json) {
    for (auto const& b : catalog.behaviors.tokens) {
      auto token = json["added_tokens"][0];
      token["id"] = b.id;
      token["content"] = b.token;
      json["added_tokens"].push_back(token);
    }
  });
  EXPECT_EQ(mismatch(catalog, model()), "");
  auto const again = build({record_of("a", "c1")}).catalog;
  EXPECT_EQ(again.data_digest, catalog.data_digest) << "built with the checkpoint it is the same file";
}

}  // namespace
}  // namespace bsft
