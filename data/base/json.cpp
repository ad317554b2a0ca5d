#include "data/base/json.hpp"

#include <set>
#include <string>
#include <vector>

#include "data/base/error.hpp"
#include "data/base/file.hpp"

namespace bsft {
namespace {

// Refuses depth and duplicate keys while the parser runs, before anything is kept.
template <class J>
class Guard {
 public:
  Guard(std::string_view where, int depth) : where_(where), depth_(depth) {}

  bool operator()(int depth, typename J::parse_event_t event, J& value) {
    using Event = typename J::parse_event_t;
    if (depth > depth_) throw Broken(where_, "JSON nested deeper than " + std::to_string(depth_) + " levels");
    if (event == Event::object_start) keys_.emplace_back();
    if (event == Event::object_end) keys_.pop_back();
    if (event == Event::key) {
      auto const& key = value.template get_ref<std::string const&>();
      if (!keys_.back().insert(key).second) throw Broken(where_, "duplicate JSON key \"" + key + "\"");
    }
    return true;
  }

 private:
  std::string where_;
  int depth_;
  std::vector<std::set<std::string>> keys_;
};

template <class J>
J parse(std::string_view text, std::string_view where, JsonLimits limits) {
  if (text.size() > limits.bytes)
    throw Broken(where, std::to_string(text.size()) + " bytes of JSON, at most " + std::to_string(limits.bytes));
  try {
    Guard<J> guard(where, limits.depth);
    return J::parse(text.begin(), text.end(), std::ref(guard));
  } catch (typename J::parse_error const& e) {
    throw Broken(where, "not JSON at byte " + std::to_string(e.byte) + ": " + e.what());
  } catch (typename J::exception const& e) {  // a number out of range
    throw Broken(where, std::string("not JSON that fits: ") + e.what());
  }
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

}  // namespace bsft
