#include "trainer/evaluate/instruction.hpp"

#include "data/schema/record.hpp"

namespace bsft {

PromptSource instructed_prompts(StoreReader const& reader, ChatTemplate const& chat_template) {
  return [&reader, &chat_template](std::int64_t record, std::optional<BehaviorId> behavior) {
    Record parsed = parse_record(reader.text(record), "record " + std::to_string(record));
    if (behavior) {
      auto const& spec = reader.catalog().behaviors.tokens.at(static_cast<std::size_t>(index(*behavior)));
      for (auto turn = parsed.turns.rbegin(); turn != parsed.turns.rend(); ++turn) {
        if (turn->role != "user") continue;
        turn->content += "\n\nHow to respond: " + spec.description;
        break;
      }
    }
    return chat_template.render_prompt(parsed.turns);
  };
}

}  // namespace bsft
