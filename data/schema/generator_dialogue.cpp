// Tells the facts of a case as a dialogue.
#include "data/schema/generator.hpp"
#include "data/schema/generator_draw.hpp"
#include "data/schema/generator_words.hpp"
#include "data/schema/generator_wording.hpp"

namespace bsft {
namespace {

// What is said on a topic: an opening, the facts, which an answer may quote, and what follows them.
struct Said {
  std::string opening, facts, rest;
};

// "a, b and c"
std::string listed(std::vector<std::string> const& items) {
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i)
    out += (i == 0 ? "" : i + 1 == items.size() ? " and " : ", ") + items[i];
  return out;
}

Said say_medications(Case const& facts, Draw& draw) {
  return {draw.pick<std::string>({"Please give ", "He is on "}), listed(medication_items(facts)), "."};
}

Said say_limits(Case const& facts, Draw& draw) {
  auto limits = facts.limits;
  draw.shuffle(limits);
  auto const word = draw.pick<std::string>({" over ", " above "});
  auto const opening = draw.pick<std::string>({"Call me if ", "Page me for "});
  return {opening,
          limits[0].name + word + std::to_string(limits[0].value) + " or " + limits[1].name + word +
              std::to_string(limits[1].value),
          "."};
}

Said say_allergies(Case const& facts, Draw& draw) {
  std::vector<std::string> items;
  for (auto const& one : facts.allergies) items.push_back("is allergic to " + one);
  for (auto const& one : facts.tolerated) items.push_back("tolerates " + one);
  draw.shuffle(items);
  return {draw.pick<std::string>({"He ", "The file says he ", "I was told he "}), listed(items), "."};
}

Said say_laboratories(Case const& facts, Draw& draw) {
  std::vector<std::string> items;
  for (auto const& one : facts.laboratories)
    items.push_back(one.name + " " + std::to_string(one.value) + " " + one.unit);
  return {draw.pick<std::string>({"The labs are ", "Results are back: ", "From the lab: "}), listed(items), "."};
}

Said say_events(Case const& facts, Draw& draw) {
  std::vector<std::string> items;
  auto const word = draw.pick<std::string>({" at ", " since "});
  for (auto const& one : facts.events) items.push_back("the " + one.name + word + clock_time(one.hour));
  return {draw.pick<std::string>({"I noticed ", "I have had ", "It was "}), listed(items), "."};
}

Said say_film(Case const& facts, Draw& draw) {
  std::vector<std::string> items{"left " + facts.left, "right " + facts.right};
  draw.shuffle(items);
  return {draw.pick<std::string>({"The film shows ", "On the film I see ", "Film: "}), listed(items), "."};
}

Said say_signs(Case const& facts, Draw& draw) {
  std::vector<std::string> items{"I hear " + facts.sound, "he is " + facts.temperature};
  draw.shuffle(items);
  return {draw.pick<std::string>({"Today ", "At rounds "}), listed(items), "."};
}

Said say_plan(Case const& facts, Draw& draw) {
  std::vector<std::string> items;
  for (auto const& one : facts.agreed) items.push_back("Dr " + one.doctor + " wants the " + one.step);
  return {"", listed(items),
          draw.pick<std::string>({". We drop the ", ". Nobody wants the "}) + facts.rejected[0] + " and the " +
              facts.rejected[1] + "."};
}

Said say(GeneratorOptions const& options, Case const& facts, Topic topic) {
  Draw draw(options.seed, facts.number, telling_stream + static_cast<std::uint64_t>(topic));
  switch (topic) {
    case Topic::medications:
      return say_medications(facts, draw);
    case Topic::limits:
      return say_limits(facts, draw);
    case Topic::allergies:
      return say_allergies(facts, draw);
    case Topic::laboratories:
      return say_laboratories(facts, draw);
    case Topic::events:
      return say_events(facts, draw);
    case Topic::film:
      return say_film(facts, draw);
    case Topic::signs:
      return say_signs(facts, draw);
    case Topic::plan:
      return say_plan(facts, draw);
  }
  return {};
}

std::string speaker_of(Case const& facts, Topic topic) {
  switch (topic) {
    case Topic::medications:
    case Topic::limits:
      return "Dr " + facts.attending;
    case Topic::film:
    case Topic::signs:
      return "Dr " + facts.consultant;
    case Topic::events:
      return facts.patient;
    default:
      return "Nurse " + facts.nurse;
  }
}

}  // namespace

std::string dose_of(Medication const& one) { return one.dose == 0 ? "dose open" : std::to_string(one.dose) + " mg"; }

std::vector<std::string> medication_items(Case const& facts) {
  std::vector<std::string> out;
  for (auto const& one : facts.medications) out.push_back(one.drug + " " + dose_of(one) + " for " + one.purpose);
  return out;
}

std::string quote(GeneratorOptions const& options, Case const& facts, Topic topic) {
  return say(options, facts, topic).facts;
}

std::vector<Turn> tell(GeneratorOptions const& options, Case const& facts) {
  auto const nurse = "Nurse " + facts.nurse;
  std::vector<Turn> turns{{"user", nurse, facts.patient + " is in bed " + std::to_string(facts.bed) + "."}};
  auto const add = [&](std::string const& speaker, std::string const& content) {
    if (turns.back().speaker == speaker)
      turns.back().content += " " + content;
    else
      turns.push_back({"user", speaker, content});
  };
  for (std::size_t i = 0; i < facts.topics.size(); ++i) {
    auto const said = say(options, facts, facts.topics[i]);
    add(speaker_of(facts, facts.topics[i]), said.opening + said.facts + said.rest);
    if (facts.hard && i == 3)
      add(nurse, "In the next bed " + facts.neighbour + " is allergic to " + facts.neighbour_allergy + ".");
  }
  return turns;
}

}  // namespace bsft
