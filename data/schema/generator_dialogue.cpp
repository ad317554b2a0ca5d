// Tells the facts of a case as a dialogue.
#include "data/schema/generator.hpp"
#include "data/schema/generator_draw.hpp"
#include "data/schema/generator_words.hpp"

namespace bsft {
namespace {

// "a, b and c"
std::string listed(Chart const& chart, char const* last = " and ") {
  std::string out;
  for (std::size_t i = 0; i < chart.size(); ++i)
    out += (i == 0 ? "" : i + 1 == chart.size() ? last : ", ") + said(chart[i]);
  return out;
}

std::string say(GeneratorOptions const& options, Case const& facts, Topic topic) {
  Draw draw(options.seed, facts.number, telling_stream + static_cast<std::uint64_t>(topic));
  auto const opening = [&](std::vector<std::string> const& from) { return draw.pick(from); };
  auto const& chart = facts.chart(topic);
  switch (topic) {
    case Topic::medications:
      return opening({"Please give ", "He gets "}) + listed(chart) + ".";
    case Topic::limits:
      return opening({"Call me if ", "Page me for "}) + listed(chart, " or ") + ".";
    case Topic::reactions: {
      auto text = opening({"The file says ", "I was told ", "On his card: "}) + listed(chart) + ".";
      if (facts.hard) text += " The neighbour: " + listed(facts.neighbour_reactions) + ".";
      return text;
    }
    case Topic::laboratories:
      return opening({"The labs are ", "Results are back: ", "From the lab: "}) + listed(chart) + ".";
    case Topic::events:
      return opening({"I noticed ", "I have had ", "It was "}) + listed(chart) + ", operation " +
             clock_time(facts.operation) + ".";
    case Topic::film:
      return opening({"The film shows ", "On the film I see ", "Film: "}) + listed(chart) + ".";
    case Topic::signs:
      return opening({"I found ", "My notes say "}) + listed(chart) + ".";
    case Topic::plan:
      return opening({"The plan: ", "I wrote down "}) + listed(chart) + ".";
    case Topic::beds:
      return opening({"Beds: ", "On the ward: "}) + listed(chart) + ".";
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

std::string said(Entry const& entry) { return entry.key + " " + entry.value; }

std::vector<Turn> tell(GeneratorOptions const& options, Case const& facts) {
  std::vector<Turn> turns;
  for (auto const topic : facts.topics) {
    auto const speaker = speaker_of(facts, topic);
    auto const text = say(options, facts, topic);
    if (!turns.empty() && turns.back().speaker == speaker)
      turns.back().content += " " + text;
    else
      turns.push_back({"user", speaker, text});
  }
  return turns;
}

}  // namespace bsft
