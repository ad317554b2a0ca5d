// Walk a JSON document of a tokenizer, naming file and field in every refusal.
#pragma once

#include <string>
#include <string_view>

#include "data/base/json.hpp"

namespace bsft {

class Field {
 public:
  Field(Json const& value, std::string file, std::string name)
      : value_(value), file_(std::move(file)), name_(std::move(name)) {}

  // Broken: file (field why) …
  [[noreturn]] void refuse(std::string_view why) const;
  Field at(std::string_view key) const;  // a member; a missing one reads as null
  Field at(std::size_t index) const;     // an element
  std::size_t size() const;              // of an array
  bool is_null() const { return value_.is_null(); }
  bool truth(bool otherwise) const;  // a boolean; `otherwise` where absent
  std::string const& text() const;
  std::int64_t number() const;
  Field only(std::string_view type) const;         // *this, whose "type" must be this
  void expect_absent_or(Json const& value) const;  // null or exactly this, else refused
  Json const& json() const { return value_; }
  std::string const& name() const { return name_; }

 private:
  Json const& value_;
  std::string file_, name_;
};

}  // namespace bsft
