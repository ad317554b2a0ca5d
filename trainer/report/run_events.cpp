#include "trainer/report/run_events.hpp"

#include "data/base/file.hpp"

namespace bsft {
namespace {

constexpr char const* name = "events.jsonl";

}  // namespace

void note_event(std::filesystem::path const& run_dir, OrderedJson const& event) {
  append_line(run_dir / name, event.dump(-1, ' ', false, OrderedJson::error_handler_t::replace));
}

std::vector<Json> read_events(std::filesystem::path const& run_dir) { return read_json_lines(run_dir / name); }

}  // namespace bsft
