// A tokenizer.json outside the families or the limits is refused with one line that names file and field.
#include <gtest/gtest.h>

#include "data/tokenizer/tokenizer.hpp"
#include "tests/tokenizer/golden_files.hpp"

namespace bsft {
namespace {

struct Case {
  char const* family;
  std::function<void(OrderedJson&)> change;
  char const* words;  // that the error must hold
};

std::string refusal(std::filesystem::path const& folder) {
  try {
    Tokenizer const tokenizer(folder);
    return "taken";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), Exit::data);
    return error.what();
  }
}

OrderedJson& step(OrderedJson& document, int index) { return document["pre_tokenizer"]["pretokenizers"][index]; }

std::vector<Case> const cases{
    {"qwen2", [](auto& d) { step(d, 0)["pattern"]["Regex"] = "(a+)+b"; },
     "pre_tokenizer.pretokenizers[0].pattern.Regex is not a known split pattern"},
    {"qwen2",
     [](auto& d) {
       step(d, 0)["pattern"] = {{"String", " "}};
     },
     "pre_tokenizer.pretokenizers[0].pattern.Regex"},
    {"qwen2", [](auto& d) { step(d, 0)["behavior"] = "Removed"; },
     "pre_tokenizer.pretokenizers[0].behavior is \"Removed\""},
    {"qwen2", [](auto& d) { step(d, 0)["invert"] = true; }, "pre_tokenizer.pretokenizers[0].invert"},
    {"qwen2", [](auto& d) { step(d, 1)["use_regex"] = true; }, "pre_tokenizer.pretokenizers[1].use_regex"},
    {"qwen2", [](auto& d) { d["normalizer"]["type"] = "NFKC"; }, "normalizer.type is \"NFKC\""},
    {"smollm2", [](auto& d) { step(d, 0)["individual_digits"] = false; },
     "pre_tokenizer.pretokenizers[0].individual_digits"},
    {"smollm2", [](auto& d) { d["pre_tokenizer"]["pretokenizers"].push_back(step(d, 1)); },
     "pre_tokenizer.pretokenizers"},
    {"smollm2", [](auto& d) { d["pre_tokenizer"] = nullptr; }, "pre_tokenizer"},
    {"gpt2", [](auto& d) { d["pre_tokenizer"]["add_prefix_space"] = true; }, "pre_tokenizer.add_prefix_space is true"},
    {"gpt2", [](auto& d) { d["pre_tokenizer"]["type"] = "Metaspace"; }, "pre_tokenizer.type is \"Metaspace\""},
    {"gpt2", [](auto& d) { d["decoder"]["type"] = "WordPiece"; }, "decoder.type"},
    {"gpt2", [](auto& d) { d["model"]["type"] = "Unigram"; }, "model.type is \"Unigram\""},
    {"gpt2", [](auto& d) { d["model"]["dropout"] = 0.1; }, "model.dropout"},
    {"gpt2", [](auto& d) { d["model"]["unk_token"] = "a"; }, "model.unk_token"},
    {"gpt2", [](auto& d) { d["model"]["byte_fallback"] = true; }, "model.byte_fallback"},
    {"gpt2", [](auto& d) { d["model"]["continuing_subword_prefix"] = "##"; }, "model.continuing_subword_prefix"},
    {"gpt2", [](auto& d) { d["model"]["ignore_merges"] = 1; }, "model.ignore_merges"},
    {"gpt2", [](auto& d) { d["model"].erase("vocab"); }, "model.vocab"},
    {"gpt2", [](auto& d) { d["model"]["vocab"]["a"] = -1; }, "model.vocab.a"},
    {"gpt2", [](auto& d) { d["model"]["vocab"]["a"] = 1 << 30; }, "model.vocab.a"},
    {"gpt2", [](auto& d) { d["model"]["vocab"]["a"] = 1.5; }, "model.vocab.a is not a whole number"},
    {"gpt2", [](auto& d) { d["model"]["vocab"]["a"] = d["model"]["vocab"]["b"]; }, "repeats the id"},
    {"gpt2", [](auto& d) { d["model"]["vocab"][std::string(4097, 'x')] = 702; }, "4097 bytes"},
    {"gpt2", [](auto& d) { d["model"]["merges"] = "none"; }, "model.merges is not a list"},
    {"gpt2", [](auto& d) { d["model"]["merges"][3] = {"a"}; }, "model.merges[3] is not a pair"},
    {"gpt2", [](auto& d) { d["model"]["merges"][3] = "a b c"; }, "model.merges[3]"},
    {"gpt2",
     [](auto& d) {
       d["model"]["merges"][3] = {"q", "qqqqzz"};
     },
     "model.merges[3] names \"qqqqzz\""},
    {"gpt2", [](auto& d) { d["model"]["merges"].push_back(d["model"]["merges"][0]); }, "repeats a merge"},
    {"gpt2", [](auto& d) { d["added_tokens"][0]["lstrip"] = true; }, "added_tokens[0].lstrip"},
    {"gpt2", [](auto& d) { d["added_tokens"][1]["rstrip"] = true; }, "added_tokens[1].rstrip"},
    {"gpt2", [](auto& d) { d["added_tokens"][2]["single_word"] = true; }, "added_tokens[2].single_word"},
    {"gpt2", [](auto& d) { d["added_tokens"][2]["content"] = ""; }, "added_tokens[2].content"},
    {"gpt2", [](auto& d) { d["added_tokens"][2]["content"] = "<|im_start|>"; }, "added_tokens[2].content repeats"},
    {"gpt2", [](auto& d) { d["added_tokens"][1]["id"] = 5000; },
     "added_tokens[1].id is 5000, but tokenizers gives this entry the id 701"},
    {"gpt2", [](auto& d) { d["added_tokens"][0]["id"] = 3; }, "added_tokens[0].id is 3"},
    {"gpt2",
     [](auto& d) {
       d["added_tokens"].push_back(d["added_tokens"][0]);
       d["added_tokens"].back()["content"] = "a";
       d["added_tokens"].back()["id"] = d["model"]["vocab"]["a"];
     },
     "model holds the special token \"a\", which plain text can yield"},
    {"gpt2",
     [](auto& d) {
       d["added_tokens"].push_back(d["added_tokens"][0]);
       d["added_tokens"].back()["content"] = "the";
       d["added_tokens"].back()["id"] = d["model"]["vocab"]["the"];
     },
     "model holds the special token \"the\", which plain text can yield"},
    {"llama3", [](auto& d) { d["post_processor"]["processors"][1]["type"] = "Roberta"; },
     "post_processor.processors[1].type"},
};

TEST(TokenizerRefusals, NameTheField) {
  for (auto const& one : cases) {
    golden::Folder folder;
    golden::write_changed(folder, one.family, one.change);
    auto const words = refusal(folder.path());
    EXPECT_NE(words.find("tokenizer.json"), std::string::npos) << words;
    EXPECT_NE(words.find(one.words), std::string::npos) << one.words << " is not in: " << words;
    EXPECT_EQ(words.find('\n'), std::string::npos) << words;
  }
}

TEST(TokenizerRefusals, NameTheFile) {
  golden::Folder empty, list, cut, twice, deep, role;
  EXPECT_NE(refusal(empty.path()).find("tokenizer.json"), std::string::npos);
  EXPECT_NE(refusal(list.write("tokenizer.json", "[]").path()).find("not a JSON object"), std::string::npos);
  EXPECT_NE(refusal(cut.write("tokenizer.json", "{\"model\": {").path()).find("byte"), std::string::npos);
  EXPECT_NE(
      refusal(twice.write("tokenizer.json", R"({"model": {"vocab": {"a": 0, "a": 1}}})").path()).find("duplicate"),
      std::string::npos);
  EXPECT_NE(refusal(deep.write("tokenizer.json", std::string(1000, '[')).path()).find("deeper"), std::string::npos);
  golden::write_changed(role, "gpt2", [](auto&) {});
  role.write("tokenizer_config.json", R"({"eos_token": {"content": "<|nowhere|>"}})");
  EXPECT_NE(refusal(role.path()).find("eos_token.content is \"<|nowhere|>\""), std::string::npos);
}

// Every cut of a good file is refused, none crashes.
TEST(TokenizerRefusals, SurviveCutFiles) {
  auto const whole = read_file(golden::root / "llama3/tokenizer.json");
  golden::Folder folder;
  for (std::size_t length = 0; length + 2 < whole.size(); length += 211) {
    folder.write("tokenizer.json", whole.substr(0, length));
    EXPECT_NE(refusal(folder.path()), "taken") << length;
  }
}

}  // namespace
}  // namespace bsft
