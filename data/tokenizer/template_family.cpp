// Recognise a template by fixed fragments: what a family must hold and what would make it another one.
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/json.hpp"
#include "data/tokenizer/chat_template.hpp"

namespace bsft {
namespace {

constexpr std::size_t most_template_bytes = std::size_t{256} << 10;
constexpr auto names = "chatml, smollm2, qwen2, qwen2.0, llama3, llama3.1 or none";

constexpr std::array<std::pair<std::string_view, TemplateFamily>, 7> families{{
    {"chatml", TemplateFamily::chatml},
    {"smollm2", TemplateFamily::smollm2},
    {"qwen2", TemplateFamily::qwen2},
    {"qwen2.0", TemplateFamily::qwen2_0},
    {"llama3", TemplateFamily::llama3},
    {"llama3.1", TemplateFamily::llama3_1},
    {"none", TemplateFamily::none},
}};

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

// One spelling of what jinja takes as equal: no spaces, one kind of quote, message['role'], literals joined.
std::string canonical(std::string_view source) {
  std::string text;
  for (char c : source) {
    if (c == '\n')
      text += "\\n";
    else if (c == '"')
      text += '\'';
    else if (c != ' ' && c != '\t' && c != '\r')
      text += c;
  }
  replace_all(text, "message.role", "message['role']");
  replace_all(text, "message.content", "message['content']");
  replace_all(text, "'+'", "");
  return text;
}

std::optional<TemplateFamily> recognised(std::string_view source) {
  std::string const text = canonical(source);
  auto const has = [&](std::string_view fragment) { return text.find(canonical(fragment)) != std::string::npos; };
  for (auto const* other : {"think", "reasoning", "strip(", "upper", "replace("})
    if (has(other)) return std::nullopt;
  bool const chatml = has("'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n'") &&
                      has("<|im_start|>assistant\\n");
  if (chatml && !has("trim") && !has("bos_token")) {
    if (has("<|im_start|>system\\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\\n"))
      return TemplateFamily::smollm2;
    if (has("You are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\\n"))
      return TemplateFamily::qwen2;
    if (has("<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n")) return TemplateFamily::qwen2_0;
    if (!has("<|im_start|>system") && !has("tool") && !has("You are")) return TemplateFamily::chatml;
  }
  bool const llama3 = has("'<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | "
                          "trim + '<|eot_id|>'") &&
                      has("<|start_header_id|>assistant<|end_header_id|>\\n\\n") && has("bos_token");
  if (llama3 && has("Cutting Knowledge Date: December 2023\\n") && has("Today Date: ") && has("26 Jul 2024"))
    return TemplateFamily::llama3_1;
  if (llama3 && !has("Date") && !has("tool")) return TemplateFamily::llama3;
  return std::nullopt;
}

// The template's text: chat_template.jinja comes before tokenizer_config.json, as in transformers.
std::string template_text(std::filesystem::path const& folder) {
  auto const file = folder / "chat_template.jinja", config = folder / "tokenizer_config.json";
  if (std::filesystem::exists(file)) return read_file(file, most_template_bytes);
  Json const settings = std::filesystem::exists(config) ? read_json(config) : Json::object();
  auto const missing = [&](std::string_view why) -> Invalid {
    return {Exit::data, folder.string(), why, std::string("set model.template to ") + names};
  };
  if (!settings.is_object() || !settings.contains("chat_template")) throw missing("no chat template");
  auto const& value = settings["chat_template"];
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array())
    for (auto const& entry : value)
      if (entry.is_object() && entry.value("name", Json()) == "default" && entry.contains("template") &&
          entry["template"].is_string())
        return entry["template"].get<std::string>();
  throw missing("chat_template holds no template named default");
}

}  // namespace

std::string name_of(TemplateFamily family) {
  for (auto const& [name, known] : families)
    if (known == family) return std::string(name);
  ensure(false, "every template family has a name");
  return {};
}

TemplateFamily template_family(std::string const& name, std::filesystem::path const& folder) {
  for (auto const& [known, family] : families)
    if (known == name) return family;
  if (name != "auto")
    throw Invalid(Exit::config, "model.template: " + name, "no such family", std::string("use auto, ") + names);
  auto const family = recognised(template_text(folder));
  if (!family)
    throw Invalid(Exit::data, folder.string(), "its chat template is of no known family",
                  std::string("set model.template to ") + names);
  return *family;
}

}  // namespace bsft
