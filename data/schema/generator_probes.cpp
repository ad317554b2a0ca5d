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
  Asker(Case const& facts, Taxonomy const& taxonomy, Draw draw) : facts_(facts), taxonomy_(taxonomy), draw_(draw) {}

  std::vector<Probe> ask(Words const& words) {
    ask_list();
    ask_attribution();
    ask_known_dose();
    ask_film();
    add("differential_diagnosis", {{"sound", facts_.sound}, {"temperature", facts_.temperature}},
        diagnosis_of(facts_.sound, facts_.temperature));
    ask_order();
    ask_laboratories(words);
    ask_total();
    ask_open_dose();
    ask_side();
    ask_dose();
    ask_limit();
    ask_plan();
    ask_allergy();
    return std::move(probes_);
  }

 private:
  static constexpr std::size_t none = ~std::size_t{0};

  TaskSpec const& task(std::string const& name) const {
    auto const* found = taxonomy_.find(name);
    if (found == nullptr) throw Invalid(Exit::config, "task \"" + name + "\"", "not in the taxonomy", "declare it");
    return *found;
  }

  void add(std::string const& name, Slots slots, std::string label) {
    auto const& labels = task(name).labels;
    if (std::find(labels.begin(), labels.end(), label) == labels.end())
      throw Invalid(Exit::config, "label \"" + label + "\" of task \"" + name + "\"", "not declared", "add it to labels");
    probes_.push_back({name, std::move(slots), std::move(label), -1, false});
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
      probes_.push_back({name, std::move(slots), labels[bad ? 0 : 1], pair, bad});
    }
  }

  void ask_attribution() {
    auto const& wish = draw_.pick(facts_.agreed);
    add("attribution", {{"step", wish.step}}, wish.doctor);
  }

  // As tell() told it: the first drug is the label.
  void ask_list() {
    std::string list;
    for (auto const& item : medication_items(facts_)) list += (list.empty() ? "" : ", ") + item;
    add("read_back", {{"medications", list}}, facts_.medications.front().drug);
  }

  void ask_known_dose() {
    auto const& one = dosed();
    add("fact_retrieval", {{"drug", one.drug}, {"purpose", one.purpose}}, std::to_string(one.dose));
  }

  void ask_film() {
    bool const left = draw_.coin();
    add("image_reasoning",
        {{"side", left ? "left" : "right"},
         {"other_side", left ? "right" : "left"},
         {"other", left ? facts_.right : facts_.left}},
        left ? facts_.left : facts_.right);
  }

  void ask_order() {
    auto const& labels = task("temporal_ordering").labels;
    auto const events = draw_.sample(facts_.events, 3);
    for (std::size_t i = 0; i < 2; ++i) {
      auto const &first = events[i], &second = events[i + 1];
      add("temporal_ordering",
          {{"first", first.name},
           {"second", second.name},
           {"first_time", clock_time(first.hour)},
           {"second_time", clock_time(second.hour)}},
          labels.at(first.hour < second.hour ? 0 : 1));
    }
  }

  void ask_laboratories(Words const& words) {
    auto const& labels = task("lab_interpretation").labels;
    for (auto const& one : draw_.sample(facts_.laboratories, 2))
      for (auto const& kind : words.laboratories)
        if (kind.name == one.name)
          add("lab_interpretation", {{"lab", one.name}, {"value", std::to_string(one.value)}},
              labels.at(static_cast<std::size_t>(class_of(kind, one.value))));
  }

  // One of the medications with a dose.
  Medication const& dosed(std::size_t other_than = none) {
    std::vector<std::size_t> with_dose;
    for (std::size_t i = 0; i < facts_.medications.size(); ++i)
      if (facts_.medications[i].dose > 0 && i != other_than) with_dose.push_back(i);
    return facts_.medications[draw_.pick(with_dose)];
  }

  void ask_total() {
    auto const& one = dosed();
    bool const three = draw_.coin();
    add("dose_calculation",
        {{"drug", one.drug}, {"count", three ? "three" : "two"}, {"dose", std::to_string(one.dose)}},
        std::to_string(one.dose * (three ? 3 : 2)));
  }

  void ask_open_dose() {
    auto const slots = [](Medication const& one) {
      return Slots{{"drug", one.drug}, {"dose", dose_of(one)}, {"purpose", one.purpose}};
    };
    for (auto const& one : facts_.medications)
      if (one.dose == 0) return add_twins("clarification", {}, slots(one), slots(dosed()));
  }

  void ask_side() {
    bool const left = draw_.coin();
    std::string const true_side = left ? "left" : "right", other_side = left ? "right" : "left";
    add_twins("consistency_check",
              {{"finding", left ? facts_.left : facts_.right},
               {"true_side", true_side},
               {"other_side", other_side},
               {"other", left ? facts_.right : facts_.left}},
              {{"side", other_side}}, {{"side", true_side}});
  }

  // The wrong dose is that of another drug of the case.
  void ask_dose() {
    auto const& one = dosed();
    auto const& other = dosed(static_cast<std::size_t>(&one - facts_.medications.data()));
    auto const dose = std::to_string(one.dose);
    add_twins("error_correction", {{"drug", one.drug}, {"true_dose", dose}, {"purpose", one.purpose}},
              {{"dose", std::to_string(other.dose)}}, {{"dose", dose}});
  }

  // One value, above the limit of one test and below that of the other.
  void ask_limit() {
    auto const slots = [](Limit const& limit) {
      return Slots{{"lab", limit.name}, {"unit", limit.unit}, {"limit", std::to_string(limit.value)}};
    };
    add_twins("critical_value_alert", {{"value", std::to_string(facts_.between)}}, slots(facts_.limits[0]),
              slots(facts_.limits[1]));
  }

  // A rejected step stands where an agreed one should.
  void ask_plan() {
    auto const &first = facts_.agreed[0].step, &second = facts_.agreed[1].step;
    auto const& wrong = draw_.pick(facts_.rejected);
    bool const first_missing = draw_.coin(), turned = draw_.coin();
    auto const slots = [&](std::string const& a, std::string const& b) {
      return Slots{{"item", turned ? b : a}, {"other_item", turned ? a : b}};
    };
    add_twins("omission_detection", {{"agreed", first}, {"other_agreed", second}},
              first_missing ? slots(wrong, second) : slots(first, wrong), slots(first, second));
  }

  void ask_allergy() {
    auto const& clean = facts_.hard && draw_.coin() ? facts_.neighbour_allergy : facts_.tolerated;
    add_twins("contraindication_alert", {{"allergy", facts_.allergy}, {"tolerated", facts_.tolerated}},
              {{"drug", facts_.allergy}}, {{"drug", clean}});
  }

  Case const& facts_;
  Taxonomy const& taxonomy_;
  Draw draw_;
  std::vector<Probe> probes_;
  int pairs_ = 0;
};

}  // namespace

std::vector<Probe> probes_of(GeneratorOptions const& options, Case const& facts, Taxonomy const& taxonomy) {
  return Asker(facts, taxonomy, Draw(options.seed, facts.number, asking_stream)).ask(words_of(options.vocabulary));
}

}  // namespace bsft
