// encode_lines FOLDER [TEMPLATE]: one JSON request a line on stdin, one JSON answer a line on stdout.
//   {"text": …, "specials": "parse" | "as_text"}   → [ids]
//   {"ids": […]}                                   → "text"
//   {"cut": gpt2|digits_gpt2|qwen2|llama3, "text": …} → [bytes of each piece]
//   {"turns": […], "response": …}                  → {"prompt": [ids], "response": [ids], "end": id}
// For the tests that compare with `tokenizers` on more text than a golden holds.
#include <iostream>
#include <map>
#include <optional>
#include <string>

#include "data/base/error.hpp"
#include "data/base/json.hpp"
#include "data/tokenizer/chat_template.hpp"
#include "data/tokenizer/pre_tokenizer.hpp"

namespace {

bsft::Json pieces(std::string const& name, std::string const& text) {
  static std::map<std::string, bsft::Cut> const cuts{{"gpt2", bsft::Cut::gpt2},
                                                     {"digits_gpt2", bsft::Cut::digits_gpt2},
                                                     {"qwen2", bsft::Cut::qwen2},
                                                     {"llama3", bsft::Cut::llama3}};
  static std::map<std::string, bsft::PreTokenizer> made;
  bsft::Json lengths = bsft::Json::array();
  made.try_emplace(name, cuts.at(name)).first->second.cut(text, [&](std::string_view piece) {
    lengths.push_back(piece.size());
  });
  return lengths;
}

bsft::Json answer(bsft::Json const& request, bsft::Tokenizer const& tokenizer, bsft::ChatTemplate const* chat) {
  if (request.contains("ids")) return tokenizer.decode(request["ids"].get<std::vector<bsft::TokenId>>());
  if (request.contains("cut")) return pieces(request["cut"], request.at("text"));
  if (request.contains("text")) {
    bool const parse = request.value("specials", "parse") == "parse";
    return tokenizer.encode(request["text"].get<std::string>(),
                            parse ? bsft::Specials::parse : bsft::Specials::as_text);
  }
  std::vector<bsft::Turn> turns;
  for (auto const& turn : request.at("turns"))
    turns.push_back({turn.at("role"), turn.value("speaker", ""), turn.at("content")});
  return {{"prompt", chat->render_prompt(turns)},
          {"response", chat->render_response(request.at("response").get<std::string>())},
          {"end", chat->end()}};
}

}  // namespace

int main(int count, char** arguments) {
  try {
    if (count < 2) throw bsft::Invalid(bsft::Exit::usage, "encode_lines FOLDER [TEMPLATE]");
    bsft::Tokenizer const tokenizer(arguments[1]);
    std::optional<bsft::ChatTemplate> chat;
    if (count > 2) chat.emplace(bsft::template_family(arguments[2], arguments[1]), tokenizer);
    for (std::string line; std::getline(std::cin, line);)
      std::cout << answer(bsft::parse_json(line, "stdin"), tokenizer, chat ? &*chat : nullptr).dump() << '\n';
    return 0;
  } catch (bsft::Error const& error) {
    std::cerr << error.what() << '\n';
    return static_cast<int>(error.code());
  }
}
