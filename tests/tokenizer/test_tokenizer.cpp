// Ids and texts equal those of `tokenizers` (golden), bytes survive a round trip, long inputs stay quick.
#include "data/tokenizer/tokenizer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <thread>

#include "data/tokenizer/pre_tokenizer.hpp"
#include "tests/tokenizer/golden_files.hpp"

namespace bsft {
namespace {

using Ids = std::vector<TokenId>;

class Family : public testing::TestWithParam<char const*> {
 protected:
  Tokenizer tokenizer{golden::root / GetParam()};
  Json golden = golden::read(std::string(GetParam()) + "/golden.json");
  std::vector<std::string> texts = golden::read("torture.json").at("texts").get<std::vector<std::string>>();
};
INSTANTIATE_TEST_SUITE_P(Tokenizers, Family, testing::ValuesIn(golden::families),
                         [](auto const& info) { return info.param; });

TEST_P(Family, ParsesAsTheReference) {
  ASSERT_EQ(texts.size(), golden.at("parse").size());
  for (std::size_t i = 0; i < texts.size(); ++i)
    EXPECT_EQ(tokenizer.encode(texts[i], Specials::parse), golden["parse"][i].get<Ids>())
        << "text " << i << ": " << texts[i];
}

TEST_P(Family, TakesSpecialsAsTextAsTheReference) {
  for (std::size_t i = 0; i < texts.size(); ++i)
    EXPECT_EQ(tokenizer.encode(texts[i], Specials::as_text), golden["as_text"][i].get<Ids>())
        << "text " << i << ": " << texts[i];
}

TEST_P(Family, CutsAsTheReference) {
  std::map<std::string, Cut> const cuts{
      {"gpt2", Cut::gpt2}, {"smollm2", Cut::digits_gpt2}, {"qwen2", Cut::qwen2}, {"llama3", Cut::llama3}};
  PreTokenizer const cut(cuts.at(GetParam()));
  ASSERT_EQ(texts.size(), golden.at("pieces").size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::vector<std::size_t> pieces;
    cut.cut(texts[i], [&](std::string_view piece) { pieces.push_back(piece.size()); });
    EXPECT_EQ(pieces, golden["pieces"][i].get<std::vector<std::size_t>>()) << "text " << i << ": " << texts[i];
  }
}

TEST_P(Family, DecodesAsTheReference) {
  ASSERT_GE(golden.at("decode").size(), 40U);
  for (auto const& entry : golden["decode"])
    EXPECT_EQ(tokenizer.decode(entry[0].get<Ids>()), entry[1].get<std::string>());
}

TEST_P(Family, DecodeUndoesEncode) {
  bool const normalises = std::string(GetParam()) == "qwen2";
  for (auto const& text : texts)
    for (auto specials : {Specials::parse, Specials::as_text}) {
      auto const once = tokenizer.decode(tokenizer.encode(text, specials));
      EXPECT_TRUE(normalises || once == text) << text;
      EXPECT_EQ(tokenizer.decode(tokenizer.encode(once, specials)), once);
    }
}

TEST_P(Family, NeverYieldsASpecialFromText) {
  for (TokenId id = 0; id < tokenizer.size(); ++id) {
    if (!tokenizer.is_special(id)) continue;
    auto const content = tokenizer.bytes_of(id);
    EXPECT_EQ(tokenizer.encode(content, Specials::parse), Ids{id});
    for (TokenId part : tokenizer.encode("a" + content + content + " b", Specials::as_text))
      EXPECT_FALSE(tokenizer.is_special(part)) << content;
  }
}

TEST_P(Family, FindsATokenByItsBytes) {
  for (TokenId id = 0; id < tokenizer.size(); ++id) EXPECT_EQ(tokenizer.find(tokenizer.bytes_of(id)), id);
  EXPECT_EQ(tokenizer.find("no such token in any of these"), std::nullopt);
  EXPECT_EQ(tokenizer.bytes_of(-1), "");
  EXPECT_EQ(tokenizer.bytes_of(tokenizer.size()), "");
}

TEST_P(Family, LongRunsStayQuick) {
  std::size_t const many = 1'000'000;
  std::string marks = "a", alternating;
  for (std::size_t i = 0; i < many / 4; ++i) marks += i % 2 ? "\u0301" : "\u0323", alternating += "ab";
  for (auto const& text :
       {std::string(many, '^'), std::string(many, ' '), std::string(many, 'a'), std::string(many, '1'),
        std::string(many, '\n') + "x", std::string(many, '<'), alternating}) {
    auto const ids = tokenizer.encode(text, Specials::as_text);
    EXPECT_EQ(tokenizer.decode(ids), text) << text.substr(0, 10);
  }
  EXPECT_FALSE(tokenizer.encode(marks, Specials::as_text).empty());
}

TEST_P(Family, ThreadsAgree) {
  auto const encode_all = [&](std::vector<Ids>& out) {
    for (int round = 0; round < 3; ++round)
      for (auto const& text : texts) out.push_back(tokenizer.encode(text, Specials::parse));
  };
  std::vector<Ids> here, there;
  std::thread other([&] { encode_all(there); });
  encode_all(here);
  other.join();
  EXPECT_EQ(here, there);
}

// ignore_merges takes whole words from the vocabulary; a special token among them is still no text.
TEST(Tokenizer, WholeWordsAreNeverSpecial) {
  auto const special_word = [&](bool special) {
    golden::Folder with;
    golden::write_changed(with, "llama3", [&](auto& d) {
      d["post_processor"] = nullptr;
      d["added_tokens"] = {
          {{"id", d["model"]["vocab"]["q"]}, {"content", "zebra"}, {"special", special}, {"normalized", false}}};
      d["model"]["vocab"]["zebra"] = d["model"]["vocab"]["q"];
      d["model"]["vocab"].erase("q");
    });
    with.write("tokenizer_config.json", "{}");
    Tokenizer const tokenizer(with.path());
    auto const id = *tokenizer.find("zebra");
    EXPECT_EQ(tokenizer.encode("zebra", Specials::parse), Ids{id});
    auto const ids = tokenizer.encode("zebra", Specials::as_text);
    return std::count(ids.begin(), ids.end(), id) > 0;
  };
  EXPECT_FALSE(special_word(true));
  EXPECT_TRUE(special_word(false));
}

TEST(Tokenizer, KnowsItsRoles) {
  Tokenizer const llama(golden::root / "llama3"), smol(golden::root / "smollm2"), gpt2(golden::root / "gpt2");
  EXPECT_EQ(llama.bos(), llama.find("<|begin_of_text|>"));
  EXPECT_EQ(llama.eos(), llama.find("<|eot_id|>"));
  EXPECT_EQ(llama.opening(), Ids{*llama.find("<|begin_of_text|>")});
  EXPECT_EQ(llama.reserved().size(), 8U);
  EXPECT_EQ(smol.bos(), smol.find("<|im_start|>"));
  EXPECT_TRUE(smol.opening().empty());
  EXPECT_EQ(smol.reserved(), (Ids{*smol.find("<|reserved_0|>"), *smol.find("<|reserved_1|>")}));
  EXPECT_EQ(gpt2.bos(), std::nullopt);
}

TEST(Tokenizer, DigestFollowsTheMeaning) {
  golden::Folder spaced, pairs, swapped, renamed;
  golden::write_changed(spaced, "smollm2", [](auto&) {});
  golden::write_changed(pairs, "smollm2", [](auto& document) {
    for (auto& merge : document["model"]["merges"]) {
      auto const text = merge.template get<std::string>();
      merge = {text.substr(0, text.find(' ')), text.substr(text.find(' ') + 1)};
    }
  });
  golden::write_changed(swapped, "smollm2",
                        [](auto& d) { std::swap(d["model"]["merges"][0], d["model"]["merges"][1]); });
  golden::write_changed(renamed, "smollm2", [](auto& d) { d["added_tokens"][3]["content"] = "<|proactive|>"; });
  auto const digest = Tokenizer(golden::root / "smollm2").digest();
  EXPECT_EQ(digest.size(), 32U);
  EXPECT_EQ(Tokenizer(spaced.path()).digest(), digest);
  EXPECT_EQ(Tokenizer(pairs.path()).digest(), digest);
  EXPECT_NE(Tokenizer(swapped.path()).digest(), digest);
  EXPECT_NE(Tokenizer(renamed.path()).digest(), digest);
  EXPECT_NE(Tokenizer(golden::root / "gpt2").digest(), digest);
}

TEST(Tokenizer, RefusesTextThatIsNotUtf8) {
  Tokenizer const tokenizer(golden::root / "smollm2");
  for (std::string const text : {"a\x80", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\xFF"}) {
    try {
      tokenizer.encode(text, Specials::as_text);
      ADD_FAILURE() << "taken";
    } catch (Invalid const& error) {
      EXPECT_EQ(error.code(), Exit::data);
      EXPECT_NE(std::string(error.what()).find("byte " + std::to_string(text[0] == 'a' ? 1 : 0)), std::string::npos)
          << error.what();
    }
  }
  EXPECT_THROW(tokenizer.encode(std::string((std::size_t{64} << 20) + 1, 'a'), Specials::as_text), Invalid);
}

}  // namespace
}  // namespace bsft
