// Draws the questions about a case, planted ones with their clean twins.
#include <algorithm>

#include "data/base/error.hpp"
#include "data/schema/generator.hpp"
#include "data/schema/generator_draw.hpp"
#include "data/schema/generator_words.hpp"
#include "data/schema/generator_wording.hpp"

namespace bsft {
namespace {

class Asker {
 public:
  Asker(Case const& facts, Taxonomy const& taxonomy, Words const& words, std::uint64_t seed)
      : facts_(facts), taxonomy_(taxonomy), words_(words), seed_(seed), draw_(seed, facts.number, asking_stream) {}

  std::vector<Probe> ask() {
    for (auto const topic : facts_.topics) {
      draw_ = Draw(seed_, facts_.number, asking_stream + static_cast<std::uint64_t>(topic));
      ask(topic);
    }
    return std::move(probes_);
  }

 private:
  void ask(Topic topic) {
    topic_ = topic;
    switch (topic) {
      case Topic::medications:
        return ask_medications();
      case Topic::limits:
        return ask_limits();
      case Topic::allergies:
        return ask_allergies();
      case Topic::laboratories:
        return ask_laboratories();
      case Topic::events:
        return ask_events();
      case Topic::film:
        return ask_film();
      case Topic::signs:
        return add("differential_diagnosis", {{"sound", facts_.sound}, {"temperature", facts_.temperature}},
                   diagnosis_of(facts_.sound, facts_.temperature));
      case Topic::plan:
        return ask_plan();
    }
  }

  TaskSpec const& task(std::string const& name) const {
    auto const* found = taxonomy_.find(name);
    if (found == nullptr) throw Invalid(Exit::config, "task \"" + name + "\"", "not in the taxonomy", "declare it");
    return *found;
  }

  void add(std::string const& name, Slots slots, std::string label) {
    auto const& labels = task(name).labels;
    if (std::find(labels.begin(), labels.end(), label) == labels.end())
      throw Invalid(Exit::config, "label \"" + label + "\" of task \"" + name + "\"", "not declared", "add it to labels");
    probes_.push_back({topic_, name, std::move(slots), std::move(label), -1, false});
  }

  // The planted question and its clean twin: what they share, and what each says.
  void add_twins(std::string const& name, Slots const& shared, Slots const& planted, Slots const& clean) {
    auto const& labels = task(name).labels;
    if (labels.size() != 2)
      throw Invalid(Exit::config, "labels of task \"" + name + "\"", std::to_string(labels.size()) + " of them",
                    "declare two: planted, clean");
    int const pair = pairs_++;
    for (bool const bad : {true, false}) {
      auto slots = shared;
      for (auto const& [slot, text] : bad ? planted : clean) slots[slot] = text;
      probes_.push_back({topic_, name, std::move(slots), labels[bad ? 0 : 1], pair, bad});
    }
  }

  // Two different medications with a dose.
  std::vector<Medication> dosed() {
    std::vector<Medication> out;
    for (auto const& one : facts_.medications)
      if (one.dose > 0) out.push_back(one);
    return draw_.sample(out, 2);
  }

  void ask_medications() {
    add("read_back", {}, facts_.medications.front().drug);
    auto const slots = [](Medication const& one) {
      return Slots{{"drug", one.drug}, {"dose", dose_of(one)}, {"purpose", one.purpose}};
    };
    auto const known = dosed();
    for (auto const& one : known) {
      add("fact_retrieval", slots(one), std::to_string(one.dose));
      bool const three = draw_.coin();
      add("dose_calculation",
          {{"drug", one.drug}, {"count", three ? "three" : "two"}, {"dose", std::to_string(one.dose)}},
          std::to_string(one.dose * (three ? 3 : 2)));
    }
    for (auto const& one : facts_.medications)
      if (one.dose == 0) add_twins("clarification", {}, slots(one), slots(known[0]));
    // The wrong dose is that of the other drug.
    for (std::size_t i = 0; i < 2; ++i) {
      auto const dose = std::to_string(known[i].dose);
      add_twins("error_correction", {{"drug", known[i].drug}, {"true_dose", dose}, {"purpose", known[i].purpose}},
                {{"dose", std::to_string(known[1 - i].dose)}}, {{"dose", dose}});
    }
  }

  // A value above the limit of one test and below that of the other.
  void ask_limits() {
    auto const slots = [](Limit const& limit) {
      return Slots{{"lab", limit.name}, {"unit", limit.unit}, {"limit", std::to_string(limit.value)}};
    };
    for (int const value : facts_.between)
      add_twins("critical_value_alert", {{"value", std::to_string(value)}}, slots(facts_.limits[0]),
                slots(facts_.limits[1]));
  }

  void ask_allergies() {
    auto clean = facts_.tolerated;
    if (facts_.hard) clean[draw_.below(2)] = facts_.neighbour_allergy;
    for (std::size_t i = 0; i < 2; ++i)
      add_twins("contraindication_alert", {{"allergy", facts_.allergies[0]}, {"other_allergy", facts_.allergies[1]}},
                {{"drug", facts_.allergies[i]}}, {{"drug", clean[i]}});
  }

  void ask_laboratories() {
    auto const& labels = task("lab_interpretation").labels;
    for (auto const& one : facts_.laboratories)
      for (auto const& kind : words_.laboratories)
        if (kind.name == one.name)
          add("lab_interpretation", {{"lab", one.name}, {"value", std::to_string(one.value)}},
              labels.at(static_cast<std::size_t>(class_of(kind, one.value))));
  }

  void ask_events() {
    auto const& labels = task("temporal_ordering").labels;
    auto const events = draw_.sample(facts_.events, 3);
    for (std::size_t i = 0; i < 3; ++i) {
      auto const &first = events[i], &second = events[(i + 1) % 3];
      add("temporal_ordering",
          {{"first", first.name},
           {"second", second.name},
           {"first_time", clock_time(first.hour)},
           {"second_time", clock_time(second.hour)}},
          labels.at(first.hour < second.hour ? 0 : 1));
    }
  }

  void ask_film() {
    for (bool const left : {true, false}) {
      std::string const side = left ? "left" : "right", other_side = left ? "right" : "left";
      auto const &finding = left ? facts_.left : facts_.right, &other = left ? facts_.right : facts_.left;
      add("image_reasoning", {{"side", side}, {"other_side", other_side}, {"other", other}}, finding);
      add_twins("consistency_check",
                {{"finding", finding}, {"true_side", side}, {"other_side", other_side}, {"other", other}},
                {{"side", other_side}}, {{"side", side}});
    }
  }

  // A rejected step stands where an agreed one should.
  void ask_plan() {
    auto const &first = facts_.agreed[0].step, &second = facts_.agreed[1].step;
    for (bool const first_missing : {true, false}) {
      auto const& wish = facts_.agreed[first_missing ? 0 : 1];
      add("attribution", {{"step", wish.step}}, wish.doctor);
      auto const& wrong = facts_.rejected[first_missing ? 0 : 1];
      bool const turned = draw_.coin();
      auto const slots = [&](std::string const& a, std::string const& b) {
        return Slots{{"item", turned ? b : a}, {"other_item", turned ? a : b}};
      };
      add_twins("omission_detection", {{"agreed", first}, {"other_agreed", second}},
                first_missing ? slots(wrong, second) : slots(first, wrong), slots(first, second));
    }
  }

  Case const& facts_;
  Taxonomy const& taxonomy_;
  Words const& words_;
  std::uint64_t seed_;
  Draw draw_;
  Topic topic_{};
  std::vector<Probe> probes_;
  int pairs_ = 0;
};

}  // namespace

std::vector<Probe> probes_of(GeneratorOptions const& options, Case const& facts, Taxonomy const& taxonomy) {
  return Asker(facts, taxonomy, words_of(options.vocabulary), options.seed).ask();
}

}  // namespace bsft
