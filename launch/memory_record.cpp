#include "launch/memory_record.hpp"

namespace bsft {

std::string to_line(MemoryRecord const& record) {
  ModelMemory const& plan = record.plan;
  OrderedJson const json{{"rank", record.rank},           {"host", record.host},
                         {"on_device", record.on_device}, {"before", record.before},
                         {"available", record.available}, {"weights", plan.weights},
                         {"gradient", plan.gradient},     {"moments", plan.moments},
                         {"partial", plan.partial},       {"frozen", plan.frozen},
                         {"passing", plan.passing},       {"accumulating", plan.accumulating},
                         {"copy", record.copy},           {"peak", record.peak}};
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

OrderedJson memory_event(std::int64_t step, std::vector<std::string> const& lines) {
  OrderedJson event{{"event", "memory"}, {"step", step}, {"ranks", OrderedJson::array()}};
  for (std::string const& line : lines) event["ranks"].push_back(parse_ordered_json(line, "a rank's memory"));
  return event;
}

}  // namespace bsft
