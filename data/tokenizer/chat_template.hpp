// The chat template of a model family, built from spans: no template text is scanned or executed.
//
// render_prompt(turns) + the response + end() gives, id for id, apply_chat_template(messages) of transformers for the
// model's folder up to the end of its last turn (tests/tokenizer).  Families, by the name of model.template:
//   chatml    no default system turn             smollm2   ChatML with SmolLM2's default system turn
//   qwen2     ChatML with Qwen2.5's              qwen2.0   ChatML with that of the first Qwen2
//   llama3    bos, header tokens, trimmed turns  llama3.1  the same after a dated system turn (3.1, 3.2, 3.3)
//   none      the tokenizer's opening, turns each ended by a newline, end = eos
// llama3.1 writes the date of the template's own default, 26 Jul 2024, also where the template would ask the clock.
// User text is encoded with Specials::as_text, so a turn cannot be opened or closed from inside a turn.
// Errors: Invalid(data) for turns or a tokenizer that the family cannot render.  Thread-safe.
// Keeps a reference to the tokenizer, which must outlive it.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "data/base/ids.hpp"
#include "data/schema/record.hpp"
#include "data/tokenizer/tokenizer.hpp"

namespace bsft {

enum class TemplateFamily { chatml, smollm2, qwen2, llama3, none, qwen2_0, llama3_1 };

// "auto" reads the folder's chat_template.jinja or tokenizer_config.json and recognises the family; an unknown template
// is Invalid(data) naming the families and the key model.template.
TemplateFamily template_family(std::string const& name, std::filesystem::path const& folder);
std::string name_of(TemplateFamily family);

class ChatTemplate {
 public:
  ChatTemplate(TemplateFamily family, Tokenizer const& tokenizer);
  // Everything before the response: turns and the assistant's header.  The behaviour token stands after it.
  std::vector<TokenId> render_prompt(std::span<Turn const> turns) const;
  // The response's own ids, encoded in context (nothing before it merges into it).
  std::vector<TokenId> render_response(std::string_view response) const;
  // What ends a turn and is supervised: <|im_end|>, <|eot_id|>.
  TokenId end() const { return end_; }
  std::string digest() const;

 private:
  TemplateFamily family_;
  Tokenizer const& tokenizer_;
  TokenId open_ = 0, close_header_ = 0, end_ = 0;  // <|im_start|>; <|start_header_id|> <|end_header_id|>
  std::vector<TokenId> opening_;                   // before the first turn
};

}  // namespace bsft
