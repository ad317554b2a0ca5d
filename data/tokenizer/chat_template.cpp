#include "data/tokenizer/chat_template.hpp"

#include <array>
#include <string_view>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"

namespace bsft {
namespace {

bool is_llama(TemplateFamily family) { return family == TemplateFamily::llama3 || family == TemplateFamily::llama3_1; }

std::string_view default_system(TemplateFamily family) {
  if (family == TemplateFamily::smollm2) return "You are a helpful AI assistant named SmolLM, trained by Hugging Face";
  if (family == TemplateFamily::qwen2) return "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.";
  if (family == TemplateFamily::qwen2_0) return "You are a helpful assistant.";
  return {};
}

constexpr std::string_view dates = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n";

// Python's str.strip(): what jinja's trim filter cuts off.
std::string_view trimmed(std::string_view text) {
  static constexpr auto spaces =
      std::to_array<std::string_view>({"\t",           "\n",           "\v",           "\f",           "\r",
                                       "\x1C",         "\x1D",         "\x1E",         "\x1F",         " ",
                                       "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81",
                                       "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86",
                                       "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8",
                                       "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"});
  for (bool cut = true; cut;) {
    cut = false;
    for (auto space : spaces) {
      if (text.starts_with(space)) text.remove_prefix(space.size()), cut = true;
      if (text.ends_with(space)) text.remove_suffix(space.size()), cut = true;
    }
  }
  return text;
}

// Text between control tokens is encoded as one, as a tokenizer does that cuts at them.
class Spans {
 public:
  Spans(Tokenizer const& tokenizer, std::vector<TokenId> ids) : tokenizer_(tokenizer), ids_(std::move(ids)) {}
  Spans& control(TokenId id) {
    flush();
    ids_.push_back(id);
    return *this;
  }
  Spans& text(std::string_view text) {
    text_ += text;
    return *this;
  }
  std::vector<TokenId> take() {
    flush();
    return std::move(ids_);
  }

 private:
  void flush() {
    auto const ids = tokenizer_.encode(text_, Specials::as_text);
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    text_.clear();
  }
  Tokenizer const& tokenizer_;
  std::vector<TokenId> ids_;
  std::string text_;
};

// A control token must be there, and out of reach of what a user writes.
TokenId control_token(Tokenizer const& tokenizer, std::string_view content) {
  auto const id = tokenizer.find(content);
  if (!id || !tokenizer.is_special(*id))
    throw Invalid(Exit::data, "chat template needs the special token " + std::string(content),
                  id ? "the tokenizer takes it for plain text" : "the tokenizer lacks it",
                  "set model.template to the model's own");
  return *id;
}

}  // namespace

ChatTemplate::ChatTemplate(TemplateFamily family, Tokenizer const& tokenizer) : family_(family), tokenizer_(tokenizer) {
  if (family == TemplateFamily::none) {
    if (!tokenizer.eos())
      throw Invalid(Exit::data, "model.template none needs an eos_token", "tokenizer_config.json has none", "add it");
    opening_ = tokenizer.opening();
    end_ = *tokenizer.eos();
  } else if (is_llama(family)) {
    open_ = control_token(tokenizer, "<|start_header_id|>");
    close_header_ = control_token(tokenizer, "<|end_header_id|>");
    end_ = control_token(tokenizer, "<|eot_id|>");
    opening_ = {tokenizer.bos() ? *tokenizer.bos() : control_token(tokenizer, "<|begin_of_text|>")};
  } else {
    open_ = control_token(tokenizer, "<|im_start|>");
    end_ = control_token(tokenizer, "<|im_end|>");
  }
}

std::vector<TokenId> ChatTemplate::render_prompt(std::span<Turn const> turns) const {
  if (turns.empty()) throw Invalid(Exit::data, "a prompt has no turns", "a chat template needs one", "drop the record");
  for (auto const& turn : turns)
    if (turn.role != "system" && turn.role != "user" && turn.role != "assistant")
      throw Invalid(Exit::data, "turn of role \"" + turn.role + "\"", "no such role", "use system, user or assistant");
  Spans spans(tokenizer_, opening_);
  if (family_ == TemplateFamily::none) {
    for (auto const& turn : turns) spans.text(turn.text()).text("\n");
    return spans.take();
  }
  bool const llama = is_llama(family_);
  auto const header = [&](std::string_view role) {
    spans.control(open_).text(role);
    if (llama) spans.control(close_header_);
    spans.text(llama ? "\n\n" : "\n");
  };
  auto const write = [&](std::string_view role, std::string_view before, std::string_view content) {
    header(role);
    spans.text(before).text(llama ? trimmed(content) : content).control(end_);
    if (!llama) spans.text("\n");
  };
  bool const has_system = turns.front().role == "system";
  if (family_ == TemplateFamily::llama3_1) {
    write("system", dates, has_system ? turns.front().text() : "");
    if (has_system) turns = turns.subspan(1);
  } else if (!has_system && !default_system(family_).empty()) {
    write("system", "", default_system(family_));
  }
  for (auto const& turn : turns) write(turn.role, "", turn.text());
  header("assistant");
  return spans.take();
}

std::vector<TokenId> ChatTemplate::render_response(std::string_view response) const {
  return tokenizer_.encode(is_llama(family_) ? trimmed(response) : response, Specials::as_text);
}

std::string ChatTemplate::digest() const {
  static Turn const user{"user", "", "question"}, assistant{"assistant", "", " answer "}, system{"system", "", "rule"};
  Digest digest;
  auto const add = [&](std::vector<TokenId> const& ids) {
    for (TokenId id : ids) digest.add(std::to_string(id));
    digest.add("end");
  };
  add(render_prompt(std::array{user, assistant, user}));
  add(render_prompt(std::array{system, user}));
  add(render_response(" answer "));
  add({end_});
  return digest.hex();
}

}  // namespace bsft
