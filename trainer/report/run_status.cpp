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
  if (status.restarts > 0) json["restarts"] = status.restarts;
  write_atomically(run_dir / "status.json", json.dump(1, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
}

std::optional<RunStatus> read_status(std::filesystem::path const& run_dir) {
  try {
    Json const json = read_json(run_dir / "status.json");
    RunStatus status;
    status.state = json.at("state").get<std::string>();
    status.exit_code = json.at("exit_code").is_null() ? -1 : json.at("exit_code").get<int>();
    status.step = json.at("step").get<std::int64_t>();
    status.total_steps = json.at("total_steps").get<std::int64_t>();
    status.message = json.at("message").get<std::string>();
    status.restarts = json.value("restarts", 0);
    return status;
  } catch (std::exception const&) {
    return std::nullopt;
  }
}

}  // namespace bsft
