#include "data/tokenizer/fields.hpp"

#include "data/base/error.hpp"

namespace bsft {
namespace {

Json const absent;

std::string shown(Json const& value) {
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > 120) text = text.substr(0, 120) + "…";
  return text;
}

}  // namespace

void Field::refuse(std::string_view why) const {
  throw Broken(file_, name_ + " " + std::string(why), "use a tokenizer of the SmolLM2, GPT-2, Qwen2 or Llama-3 family");
}

Field Field::at(std::string_view key) const {
  if (!value_.is_object()) refuse("is not an object");
  auto const found = value_.find(std::string(key));
  auto const path = name_.empty() ? std::string(key) : name_ + "." + std::string(key);
  return {found == value_.end() ? absent : *found, file_, path};
}

Field Field::at(std::size_t index) const {
  return {value_.at(index), file_, name_ + "[" + std::to_string(index) + "]"};
}

std::size_t Field::size() const {
  if (!value_.is_array()) refuse("is not a list");
  return value_.size();
}

bool Field::truth(bool otherwise) const {
  if (value_.is_null()) return otherwise;
  if (!value_.is_boolean()) refuse("is neither true nor false");
  return value_.get<bool>();
}

std::string const& Field::text() const {
  if (!value_.is_string()) refuse("is not a text");
  return value_.get_ref<std::string const&>();
}

std::int64_t Field::number() const {
  if (!value_.is_number_integer()) refuse("is not a whole number");
  if (value_.is_number_unsigned() && value_.get<std::uint64_t>() > (std::uint64_t{1} << 53)) refuse("is above 2^53");
  return value_.get<std::int64_t>();
}

Field Field::only(std::string_view type) const {
  auto const kind = at("type");
  if (kind.text() != type) kind.refuse("is " + shown(kind.json()) + ", not " + std::string(type));
  return *this;
}

void Field::expect_absent_or(Json const& value) const {
  if (!value_.is_null() && value_ != value) refuse("is " + shown(value_) + ", which is not supported");
}

}  // namespace bsft
