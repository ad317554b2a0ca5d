#include "trainer/report/page/part.hpp"

#include "data/base/error.hpp"

namespace bsft::page {

Part::Part(OrderedJson const* json, std::string where)
    : json_(json == nullptr || json->is_null() ? nullptr : json), where_(std::move(where)) {}

void Part::refuse(char const* wanted) const {
  throw Broken(where_, std::string("it is ") + json_->type_name() + ", not " + wanted,
               "make the file with bsft train or bsft evaluate");
}

Part Part::operator[](std::string const& key) const {
  std::string where = where_ + (where_.ends_with(':') ? " " : ".") + shortened(key, 60);
  if (json_ == nullptr) return {nullptr, std::move(where)};
  if (!json_->is_object()) refuse("an object");
  auto const found = json_->find(key);
  return {found == json_->end() ? nullptr : &*found, std::move(where)};
}

std::optional<double> Part::number() const {
  if (json_ == nullptr) return std::nullopt;
  if (!json_->is_number()) refuse("a number");
  return json_->get<double>();
}

std::string Part::text() const {
  if (json_ == nullptr) return "";
  if (!json_->is_string()) refuse("a string");
  return shortened(json_->get_ref<std::string const&>(), 2000);
}

bool Part::flag() const {
  if (json_ == nullptr) return false;
  if (!json_->is_boolean()) refuse("true or false");
  return json_->get<bool>();
}

std::optional<std::pair<double, double>> Part::interval() const {
  std::vector<Part> const ends = items();
  if (json_ == nullptr) return std::nullopt;
  if (ends.size() != 2) refuse("two numbers");
  auto const low = ends[0].number(), high = ends[1].number();
  if (!low || !high) return std::nullopt;
  return std::pair{*low, *high};
}

std::vector<std::pair<std::string, Part>> Part::members() const {
  std::vector<std::pair<std::string, Part>> result;
  if (json_ == nullptr) return result;
  if (!json_->is_object()) refuse("an object");
  for (auto const& [key, value] : json_->items()) {
    if (result.size() == most_members) break;
    result.emplace_back(shortened(key, 120), (*this)[key]);
  }
  return result;
}

std::vector<Part> Part::items() const {
  std::vector<Part> result;
  if (json_ == nullptr) return result;
  if (!json_->is_array()) refuse("an array");
  for (std::size_t i = 0; i < json_->size() && i < most_members; ++i)
    result.push_back({&(*json_)[i], where_ + "[" + std::to_string(i) + "]"});
  return result;
}

std::string shortened(std::string text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  text.resize(bytes);
  return text + "…";
}

}  // namespace bsft::page
