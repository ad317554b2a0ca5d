// Draws the facts of a case.
#include <algorithm>

#include "data/schema/generator.hpp"
#include "data/schema/generator_draw.hpp"
#include "data/schema/generator_words.hpp"

namespace bsft {
namespace {

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

void draw_people(Case& out, Words const& words, Draw draw) {
  auto const patients = draw.sample(words.patients, 2);
  auto const doctors = draw.sample(words.doctors, 2);
  out.patient = patients[0];
  out.neighbour = patients[1];
  out.nurse = draw.pick(words.nurses);
  out.attending = doctors[0];
  out.consultant = doctors[1];
  out.bed = 1 + static_cast<int>(draw.below(9));
}

void draw_medications(Case& out, Words const& words, Draw& draw) {
  std::size_t const count = out.hard ? 4 : 3;
  auto const uses = draw.sample(words.drugs, count);
  auto const doses = draw.sample(words.doses, count - 1);  // all different: a wrong one belongs to another drug
  for (std::size_t i = 0; i + 1 < count; ++i) out.medications.push_back({uses[i].drug, uses[i].purpose, doses[i]});
  out.medications.push_back({uses.back().drug, uses.back().purpose, 0});
  draw.shuffle(out.medications);
}

void draw_laboratories(Case& out, Words const& words, Draw& draw) {
  for (auto const& kind : draw.sample(words.laboratories, out.hard ? 3 : 2)) {
    std::vector<std::vector<int>> classes;
    for (auto const* one : {&kind.low, &kind.normal, &kind.high})
      if (!one->empty()) classes.push_back(*one);
    out.laboratories.push_back({kind.name, kind.unit, draw.pick(draw.pick(classes))});
  }
  // Two limits with a value between them: the value breaks one of the limits and keeps the other.
  auto const kinds = draw.sample(words.laboratories, 2);
  int const lower = 80 + 10 * static_cast<int>(draw.below(5));
  int const gap = 2 + static_cast<int>(draw.below(3));
  for (int i = 1; i < gap; ++i) out.between.push_back(lower + 10 * i);
  out.limits = {{kinds[0].name, kinds[0].unit, lower}, {kinds[1].name, kinds[1].unit, lower + 10 * gap}};
}

void draw_events(Case& out, Words const& words, Draw& draw) {
  std::size_t const count = out.hard ? 4 : 3;
  auto const names = draw.sample(words.complaints, count);
  auto const hours = draw.sample(words.hours, count);
  for (std::size_t i = 0; i < count; ++i) out.events.push_back({names[i], hours[i]});
}

void draw_plan(Case& out, Words const& words, Draw& draw) {
  auto const steps = draw.sample(words.steps, 4);
  out.agreed = {{steps[0], out.attending}, {steps[1], out.consultant}};
  if (draw.coin()) std::swap(out.agreed[0], out.agreed[1]);
  out.rejected = {steps[2], steps[3]};
}

void draw_topics(Case& out, Draw draw) {
  auto const size = draw.below(8);
  out.hard = size == 7;
  for (std::size_t i = 0; i < topic_count; ++i) out.topics.push_back(static_cast<Topic>(i));
  draw.shuffle(out.topics);
  out.topics.resize(size < 4 ? 2 : size < 6 ? 4 : topic_count);
}

}  // namespace

Case draw_case(GeneratorOptions const& options, std::int64_t number) {
  auto const& words = words_of(options.vocabulary);
  Case out;
  out.number = number;
  out.split = split_of(number);
  draw_topics(out, Draw(options.seed, number, topics_stream));
  draw_people(out, words, Draw(options.seed, number, people_stream));
  Draw draw(options.seed, number, facts_stream);
  auto const antibiotics = draw.sample(words.antibiotics, 5);
  out.allergies = {antibiotics[0], antibiotics[1]};
  out.tolerated = {antibiotics[2], antibiotics[3]};
  out.neighbour_allergy = antibiotics[4];
  draw_medications(out, words, draw);
  draw_laboratories(out, words, draw);
  draw_events(out, words, draw);
  auto const findings = draw.sample(words.findings, 2);
  out.left = findings[0];
  out.right = findings[1];
  out.sound = draw.coin() ? "crackles" : "wheeze";
  out.temperature = draw.coin() ? "febrile" : "afebrile";
  draw_plan(out, words, draw);
  return out;
}

}  // namespace bsft
