// Draws the facts of a case.
#include <algorithm>

#include "data/schema/generator.hpp"
#include "data/schema/generator_draw.hpp"
#include "data/schema/generator_words.hpp"

namespace bsft {
namespace {

constexpr std::size_t chart_size = 3;

Split split_of(std::int64_t number) {
  switch (number % 50) {
    case 7:
    case 32:
      return Split::dev;
    case 12:
    case 24:
    case 41:
      return Split::test;
    default:
      return Split::train;
  }
}

// A chart of three of the form's keys in its order.
Chart form(std::vector<std::string> const& keys, Draw& draw) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < keys.size(); ++i) places.push_back(i);
  places = draw.sample(places, chart_size);
  std::sort(places.begin(), places.end());
  Chart out;
  for (auto const place : places) out.push_back({keys[place], "", 0});
  return out;
}

// Its entries in random order, to be filled.
std::vector<Entry*> blanks(Chart& chart, Draw& draw) {
  std::vector<Entry*> out;
  for (auto& one : chart) out.push_back(&one);
  draw.shuffle(out);
  return out;
}

// The doses are different: a wrong one belongs to another drug.
Chart draw_medications(Words const& words, Draw draw) {
  auto out = form(words.drugs, draw);
  auto const blank = blanks(out, draw);
  auto const doses = draw.sample(words.doses, blank.size() - 1);
  for (std::size_t i = 0; i + 1 < blank.size(); ++i)
    *blank[i] = {blank[i]->key, std::to_string(doses[i]) + " mg", doses[i]};
  blank.back()->value = "dose open";
  return out;
}

std::vector<std::string> names(std::vector<LaboratoryKind> const& kinds) {
  std::vector<std::string> out;
  for (auto const& kind : kinds) out.push_back(kind.name);
  return out;
}

// At least one limit below the fresh value and one above it.
Chart draw_limits(Words const& words, int fresh, Draw draw) {
  auto out = form(names(words.laboratories), draw);
  auto const blank = blanks(out, draw);
  std::vector<int> below, above;
  for (int const limit : words.limits) (limit < fresh ? below : above).push_back(limit);
  for (std::size_t i = 0; i < blank.size(); ++i) {
    int const limit = draw.pick(i == 0 ? below : i == 1 ? above : words.limits);
    *blank[i] = {blank[i]->key, "above " + std::to_string(limit), limit};
  }
  return out;
}

// At least one bad and one good.
Chart draw_reactions(Words const& words, Draw draw) {
  auto out = form(words.antibiotics, draw);
  auto const blank = blanks(out, draw);
  for (std::size_t i = 0; i < blank.size(); ++i) {
    bool const bad = i == 0 || (i > 1 && draw.coin());
    blank[i]->value = draw.pick(bad ? words.bad_reactions : words.good_reactions);
  }
  return out;
}

Chart draw_laboratories(Words const& words, Draw draw) {
  auto out = form(names(words.laboratories), draw);
  for (auto& one : out) {
    auto const& kind = laboratory(words, one.key);
    int const value = draw.pick(kind.values[draw.below(kind.values.size())]);
    one = {one.key, std::to_string(value) + " " + kind.unit, value};
  }
  return out;
}

Chart draw_events(Words const& words, Draw draw) {
  auto out = form(words.events, draw);
  for (auto& one : out) {
    int const hour = draw.pick(words.hours);
    one = {one.key, clock_time(hour), hour};
  }
  return out;
}

Chart draw_film(Words const& words, Draw draw) {
  auto const findings = draw.sample(words.findings, 2);
  return {{"left", findings[0], 0}, {"right", findings[1], 0}};
}

Chart draw_signs(Draw draw) {
  Chart out{{"yesterday", "", 0}, {"today", "", 0}};
  for (auto& one : out) {
    one.value = draw.coin() ? "crackles" : "wheeze";
    one.value += draw.coin() ? " febrile" : " afebrile";
  }
  return out;
}

// One step is dropped, the others have a doctor who wants them.
Chart draw_plan(Words const& words, Case const& facts, Draw draw) {
  auto out = form(words.steps, draw);
  for (auto& one : out) one.value = "Dr " + (draw.coin() ? facts.attending : facts.consultant);
  out[draw.below(out.size())].value = "dropped";
  return out;
}

// Of 16 dialogues 11 tell one chart or two: what a small model learns from is the number of different dialogues.
void draw_topics(Case& out, Draw draw) {
  auto const size = draw.below(16);
  out.hard = size == 15;
  for (std::size_t i = 0; i < topic_count; ++i)
    if (static_cast<Topic>(i) != Topic::beds) out.topics.push_back(static_cast<Topic>(i));
  draw.shuffle(out.topics);
  out.topics.resize(size < 5 ? 1 : size < 11 ? 2 : size < 14 ? 3 : 4);
  out.topics.insert(out.topics.begin(), Topic::beds);
}

}  // namespace

Case draw_case(GeneratorOptions const& options, std::int64_t number) {
  auto const& words = words_of(options.vocabulary);
  Case out;
  out.number = number;
  out.split = split_of(number);
  draw_topics(out, Draw(options.seed, number, topics_stream));
  Draw people(options.seed, number, people_stream);
  auto const patients = people.sample(words.patients, 2);
  auto const doctors = people.sample(words.doctors, 2);
  out.patient = patients[0];
  out.nurse = people.pick(words.nurses);
  out.attending = doctors[0];
  out.consultant = doctors[1];
  out.fresh = people.pick(words.fresh);
  out.operation = people.pick(words.operations);
  auto const draw = [&](Topic topic) {
    return Draw(options.seed, number, facts_stream + static_cast<std::uint64_t>(topic));
  };
  out.charts = {draw_medications(words, draw(Topic::medications)),
                draw_limits(words, out.fresh, draw(Topic::limits)),
                draw_reactions(words, draw(Topic::reactions)),
                draw_laboratories(words, draw(Topic::laboratories)),
                draw_events(words, draw(Topic::events)),
                draw_film(words, draw(Topic::film)),
                draw_signs(draw(Topic::signs)),
                draw_plan(words, out, draw(Topic::plan)),
                Chart{{"window", patients[0], 0}, {"door", patients[1], 0}}};
  if (out.hard) {
    Draw order(options.seed, number, order_stream);
    for (auto& chart : out.charts) order.shuffle(chart);
    out.neighbour_reactions = draw_reactions(words, Draw(options.seed, number, neighbour_stream));
  }
  return out;
}

}  // namespace bsft
