// The chat template of a model family, built from spans: no template text is scanned or executed.
//
// render_prompt(turns) + the response + end() gives, id for id, apply_chat_template(messages) of transformers for the
// model's folder (tests/tokenizer).  Families: chatml (no default system turn), smollm2 and qwen2 (ChatML with their
// default system turn), llama3, and none (plain text: turns joined by newlines, end = eos).
// User text is encoded with Specials::as_text.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "data/base/ids.hpp"
#include "data/schema/record.hpp"
#include "data/tokenizer/tokenizer.hpp"

namespace bsft {

enum class TemplateFamily { chatml, smollm2, qwen2, llama3, none };

// "auto" reads the folder's chat_template.jinja or tokenizer_config.json and recognises the family; an unknown template
// is Invalid(data) naming the families and the key model.template.
TemplateFamily template_family(std::string const& name, std::filesystem::path const& folder);

class ChatTemplate {
 public:
  ChatTemplate(TemplateFamily family, Tokenizer const& tokenizer);
  // Everything before the response: turns and the assistant's header.  The behaviour token stands after it.
  std::vector<TokenId> render_prompt(std::span<Turn const> turns) const;
  // The response's own ids, encoded in context (nothing before it merges into it).
  std::vector<TokenId> render_response(std::string_view response) const;
  // What ends a turn and is supervised: <|im_end|>, <|eot_id|>.
  TokenId end() const;
  std::string digest() const;

 private:
  TemplateFamily family_;
  Tokenizer const& tokenizer_;
};

}  // namespace bsft
