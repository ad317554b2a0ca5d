// Tells the facts of a case as a dialogue.
#include "data/schema/generator.hpp"
#include "data/schema/generator_draw.hpp"
#include "data/schema/generator_words.hpp"
#include "data/schema/generator_wording.hpp"

namespace bsft {
namespace {

struct Topic {
  std::string speaker, content;
};

// "a, b and c"
std::string listed(std::vector<std::string> const& items) {
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i)
    out += (i == 0 ? "" : i + 1 == items.size() ? " and " : ", ") + items[i];
  return out;
}

std::string tell_allergy(Case const& facts, Draw& draw) {
  Slots const slots{{"allergy", facts.allergy}, {"tolerated", facts.tolerated}};
  return fill(draw.pick<std::string>({"He is allergic to {allergy} but tolerates {tolerated}.",
                                      "He tolerates {tolerated} and is allergic to {allergy}.",
                                      "The file says allergic to {allergy}, tolerates {tolerated}."}),
              slots);
}

std::string tell_medications(Case const& facts, Draw& draw) {
  return draw.pick<std::string>({"Please give ", "He is on "}) + listed(medication_items(facts)) + ".";
}

std::string tell_laboratories(Case const& facts, Draw& draw) {
  std::vector<std::string> items;
  for (auto const& one : facts.laboratories)
    items.push_back(one.name + " " + std::to_string(one.value) + " " + one.unit);
  return draw.pick<std::string>({"The labs are ", "Results are back: ", "From the lab: "}) + listed(items) + ".";
}

std::string tell_limits(Case const& facts, Draw& draw) {
  auto limits = facts.limits;
  draw.shuffle(limits);
  auto const word = draw.pick<std::string>({" over ", " above "});
  std::string out = draw.pick<std::string>({"Call me if ", "Page me for "});
  out += limits[0].name + word + std::to_string(limits[0].value) + " or ";
  return out + limits[1].name + word + std::to_string(limits[1].value) + ".";
}

std::string tell_events(Case const& facts, Draw& draw) {
  std::vector<std::string> items;
  auto const word = draw.pick<std::string>({" at ", " since "});
  for (auto const& one : facts.events) items.push_back("the " + one.name + word + clock_time(one.hour));
  return draw.pick<std::string>({"I noticed ", "I have had ", "It was "}) + listed(items) + ".";
}

std::string tell_film(Case const& facts, Draw& draw) {
  std::vector<std::string> items{"left " + facts.left, "right " + facts.right};
  draw.shuffle(items);
  return draw.pick<std::string>({"The film shows ", "On the film I see ", "Film: "}) + listed(items) + ".";
}

std::string tell_signs(Case const& facts, Draw& draw) {
  Slots const slots{{"sound", facts.sound}, {"temperature", facts.temperature}};
  return fill(draw.pick<std::string>({"I hear {sound} and he is {temperature}.", "He is {temperature} with {sound}."}),
              slots);
}

std::string tell_plan(Case const& facts, Draw& draw) {
  std::string out = "Dr " + facts.agreed[0].doctor + " wants the " + facts.agreed[0].step + ", Dr " +
                    facts.agreed[1].doctor + " wants the " + facts.agreed[1].step + ". ";
  return out + draw.pick<std::string>({"We drop the ", "Nobody wants the "}) + facts.rejected[0] + " and the " +
         facts.rejected[1] + ".";
}

}  // namespace

std::string dose_of(Medication const& one) { return one.dose == 0 ? "dose open" : std::to_string(one.dose) + " mg"; }

std::vector<std::string> medication_items(Case const& facts) {
  std::vector<std::string> out;
  for (auto const& one : facts.medications) out.push_back(one.drug + " " + dose_of(one) + " for " + one.purpose);
  return out;
}

std::vector<Turn> tell(GeneratorOptions const& options, Case const& facts) {
  Draw draw(options.seed, facts.number, telling_stream);
  auto const nurse = "Nurse " + facts.nurse;
  auto const attending = "Dr " + facts.attending;
  auto const consultant = "Dr " + facts.consultant;
  std::vector<Topic> topics{{attending, tell_medications(facts, draw)},
                            {attending, tell_limits(facts, draw)},
                            {nurse, tell_allergy(facts, draw)},
                            {nurse, tell_laboratories(facts, draw)},
                            {facts.patient, tell_events(facts, draw)},
                            {consultant, tell_film(facts, draw)},
                            {consultant, tell_signs(facts, draw)},
                            {nurse, tell_plan(facts, draw)}};
  if (facts.hard) topics.push_back({nurse, "In the next bed " + facts.neighbour + " is allergic to " + facts.neighbour_allergy + "."});
  draw.shuffle(topics);
  std::vector<Turn> turns{{"user", nurse, facts.patient + " is in bed " + std::to_string(facts.bed) + "."}};
  for (auto const& topic : topics) {
    if (turns.back().speaker == topic.speaker)
      turns.back().content += " " + topic.content;
    else
      turns.push_back({"user", topic.speaker, topic.content});
  }
  return turns;
}

}  // namespace bsft
