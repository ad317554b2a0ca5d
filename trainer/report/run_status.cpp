#include "trainer/report/run_status.hpp"

#include "data/base/file.hpp"
#include "data/base/json.hpp"

namespace bsft {

void write_status(std::filesystem::path const& run_dir, RunStatus const& status) {
  OrderedJson json;
  json["state"] = status.state;
  json["exit_code"] = status.exit_code < 0 ? OrderedJson(nullptr) : OrderedJson(status.exit_code);
  json["step"] = status.step;
  json["total_steps"] = status.total_steps;
  json["message"] = status.message;
  write_atomically(run_dir / "status.json", json.dump(1, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
}

}  // namespace bsft
