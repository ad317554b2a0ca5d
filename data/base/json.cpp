#include "data/base/json.hpp"

#include <sstream>
#include <string>
#include <system_error>
#include <unordered_set>
#include <utility>
#include <vector>

#include "data/base/error.hpp"
#include "data/base/file.hpp"

namespace bsft {
namespace {

// Refuses depth and duplicate keys before anything is kept.  A pass of its own: nlohmann's parser with a callback takes
// quadratic time on an object of many objects.
template <class J>
class Guard : public nlohmann::json_sax<J> {
 public:
  Guard(std::string_view where, int depth) : where_(where), depth_(depth) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(typename J::number_integer_t) override { return true; }
  bool number_unsigned(typename J::number_unsigned_t) override { return true; }
  bool number_float(typename J::number_float_t, std::string const&) override { return true; }
  bool string(std::string&) override { return true; }
  bool binary(typename J::binary_t&) override { return true; }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override { return leave(); }
  bool start_object(std::size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool key(std::string& key) override {
    if (!keys_.back().insert(key).second) throw Broken(where_, "duplicate JSON key \"" + key + "\"");
    return true;
  }
  bool parse_error(std::size_t byte, std::string const&, nlohmann::detail::exception const& error) override {
    if (dynamic_cast<typename J::parse_error const*>(&error) == nullptr)  // a number out of range
      throw Broken(where_, std::string("not JSON that fits: ") + error.what());
    throw Broken(where_, "not JSON at byte " + std::to_string(byte) + ": " + error.what());
  }

 private:
  bool enter() {
    keys_.emplace_back();
    if (keys_.size() > static_cast<std::size_t>(depth_))
      throw Broken(where_, "JSON nested deeper than " + std::to_string(depth_) + " levels");
    return true;
  }
  bool leave() {
    keys_.pop_back();
    return true;
  }

  std::string where_;
  int depth_;
  std::vector<std::unordered_set<std::string>> keys_;  // of every open object; empty for an array
};

template <class J>
J parse(std::string_view text, std::string_view where, JsonLimits limits) {
  if (text.size() > limits.bytes)
    throw Broken(where, std::to_string(text.size()) + " bytes of JSON, at most " + std::to_string(limits.bytes));
  Guard<J> guard(where, limits.depth);
  ensure(J::sax_parse(text.begin(), text.end(), &guard), "a JSON error is thrown");
  return J::parse(text.begin(), text.end());
}

}  // namespace

Json parse_json(std::string_view text, std::string_view where, JsonLimits limits) {
  return parse<Json>(text, where, limits);
}

OrderedJson parse_ordered_json(std::string_view text, std::string_view where, JsonLimits limits) {
  return parse<OrderedJson>(text, where, limits);
}

Json read_json(std::filesystem::path const& file, JsonLimits limits) {
  return parse_json(read_file(file, limits.bytes), file.string(), limits);
}

std::vector<Json> read_json_lines(std::filesystem::path const& file) {
  std::vector<Json> lines;
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return lines;
  std::istringstream text(read_file(file));
  for (std::string line; std::getline(text, line);) {
    Json json = Json::parse(line, nullptr, false);
    if (json.is_object()) lines.push_back(std::move(json));
  }
  return lines;
}

}  // namespace bsft
