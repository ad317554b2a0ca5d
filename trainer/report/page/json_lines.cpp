#include "trainer/report/page/json_lines.hpp"

#include <fstream>

namespace bsft::page {

void each_line(std::filesystem::path const& file, std::function<bool(OrderedJson&&)> const& take) {
  constexpr std::size_t most_bytes = std::size_t{1} << 20;
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) {
    if (line.size() > most_bytes) continue;
    OrderedJson json = OrderedJson::parse(line, nullptr, false);
    if (json.is_object() && !take(std::move(json))) return;
  }
}

std::string word_at(OrderedJson const& line, char const* key) {
  auto const found = line.find(key);
  if (found == line.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>()
                            : found->dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

}  // namespace bsft::page
