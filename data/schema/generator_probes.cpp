// Draws the questions about a case, planted ones with their clean twins.
#include <algorithm>

#include "data/base/error.hpp"
#include "data/schema/generator.hpp"
#include "data/schema/generator_draw.hpp"
#include "data/schema/generator_wording.hpp"
#include "data/schema/generator_words.hpp"

namespace bsft {
namespace {

class Asker {
 public:
  Asker(Case const& facts, Taxonomy const& taxonomy, Words const& words, std::uint64_t seed)
      : facts_(facts), taxonomy_(taxonomy), words_(words), seed_(seed), draw_(seed, facts.number, asking_stream) {}

  std::vector<Probe> ask() {
    for (auto const topic : facts_.topics) {
      draw_ = Draw(seed_, facts_.number, asking_stream + static_cast<std::uint64_t>(topic));
      auto entries = facts_.chart(topic);
      draw_.shuffle(entries);
      ask(topic, entries);
    }
    return std::move(probes_);
  }

 private:
  // entries: the topic's, in random order.
  void ask(Topic topic, Chart const& entries) {
    switch (topic) {
      case Topic::medications:
        return ask_medications(entries);
      case Topic::limits:
        return ask_limits(entries);
      case Topic::reactions:
        return ask_reactions(entries);
      case Topic::laboratories:
        return ask_laboratories(entries);
      case Topic::events:
        return ask_events(entries);
      case Topic::film:
        return ask_film(entries);
      case Topic::signs:
        for (auto const& one : entries)
          add("differential_diagnosis", {{"day", one.key}, {"entry", said(one)}}, diagnosis_of(one.value));
        return;
      case Topic::plan:
        return ask_plan(entries);
      case Topic::beds:
        return add("read_back", {{"place", entries[0].key}, {"entry", said(entries[0])}}, entries[0].value);
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
      throw Invalid(Exit::config, "label \"" + label + "\" of task \"" + name + "\"", "not declared",
                    "add it to labels");
    probes_.push_back({name, std::move(slots), std::move(label), -1, false});
  }

  // The planted question and its clean twin.
  void add_twins(std::string const& name, Slots planted, Slots clean) {
    auto const& labels = task(name).labels;
    if (labels.size() != 2)
      throw Invalid(Exit::config, "labels of task \"" + name + "\"", std::to_string(labels.size()) + " of them",
                    "declare two: planted, clean");
    probes_.push_back({name, std::move(planted), labels[0], pairs_, true});
    probes_.push_back({name, std::move(clean), labels[1], pairs_, false});
    ++pairs_;
  }

  void ask_medications(Chart const& entries) {
    Chart known;
    Entry open;
    for (auto const& one : entries) {
      if (one.number > 0)
        known.push_back(one);
      else
        open = one;
    }
    auto const slots = [](Entry const& one) { return Slots{{"drug", one.key}, {"entry", said(one)}}; };
    for (auto const& one : known) add("fact_retrieval", slots(one), std::to_string(one.number));
    auto sum = slots(known[0]);
    bool const three = draw_.coin();
    sum["count"] = three ? "three" : "two";
    add("dose_calculation", sum, std::to_string(known[0].number * (three ? 3 : 2)));
    add_twins("clarification", slots(open), slots(known[1]));
    // The wrong dose is that of the other drug.
    auto wrong = slots(known[0]), right = wrong;
    wrong["dose"] = std::to_string(known[1].number);
    right["dose"] = std::to_string(known[0].number);
    add_twins("error_correction", wrong, right);
  }

  void ask_limits(Chart const& entries) {
    auto const one_where = [&](bool broken) {
      auto const& one = *std::find_if(entries.begin(), entries.end(),
                                      [&](Entry const& entry) { return (facts_.fresh > entry.number) == broken; });
      return Slots{{"lab", one.key},
                   {"value", std::to_string(facts_.fresh)},
                   {"unit", laboratory(words_, one.key).unit},
                   {"entry", said(one)}};
    };
    add_twins("critical_value_alert", one_where(true), one_where(false));
  }

  void ask_reactions(Chart const& entries) {
    auto const& good = words_.good_reactions;
    auto const one_where = [&](bool tolerated) {
      auto const& one = *std::find_if(entries.begin(), entries.end(), [&](Entry const& entry) {
        return (std::find(good.begin(), good.end(), entry.value) != good.end()) == tolerated;
      });
      return Slots{{"drug", one.key}, {"entry", said(one)}};
    };
    add_twins("contraindication_alert", one_where(false), one_where(true));
  }

  void ask_laboratories(Chart const& entries) {
    auto const& labels = task("lab_interpretation").labels;
    for (std::size_t i = 0; i < 2; ++i) {
      auto const reading = class_of(laboratory(words_, entries[i].key), entries[i].number);
      add("lab_interpretation", {{"lab", entries[i].key}, {"entry", said(entries[i])}},
          labels.at(static_cast<std::size_t>(reading)));
    }
  }

  void ask_events(Chart const& entries) {
    auto const& labels = task("temporal_ordering").labels;
    for (std::size_t i = 0; i < 2; ++i)
      add("temporal_ordering",
          {{"event", entries[i].key}, {"entry", said(entries[i])}, {"operation", clock_time(facts_.operation)}},
          labels.at(entries[i].number < facts_.operation ? 0 : 1));
  }

  void ask_film(Chart const& entries) {
    for (std::size_t i = 0; i < 2; ++i) {
      auto const &here = entries[i], &there = entries[1 - i];
      Slots const right{{"side", here.key}, {"finding", here.value}, {"entry", said(here)}};
      Slots const wrong{{"side", there.key}, {"finding", here.value}, {"entry", said(there)}};
      add("image_reasoning", right, here.value);
      add_twins("consistency_check", wrong, right);
    }
  }

  // A closing plan that leaves out a step which a doctor wants, or the one that was dropped.
  void ask_plan(Chart const& entries) {
    Chart wanted;
    Entry dropped;
    for (auto const& one : entries) {
      if (one.value == "dropped")
        dropped = one;
      else
        wanted.push_back(one);
    }
    auto const slots = [](Entry const& one) { return Slots{{"step", one.key}, {"entry", said(one)}}; };
    for (auto const& one : wanted) add("attribution", slots(one), one.value.substr(one.value.find(' ') + 1));
    add_twins("omission_detection", slots(wanted[0]), slots(dropped));
  }

  Case const& facts_;
  Taxonomy const& taxonomy_;
  Words const& words_;
  std::uint64_t seed_;
  Draw draw_;
  std::vector<Probe> probes_;
  int pairs_ = 0;
};

}  // namespace

std::vector<Probe> probes_of(GeneratorOptions const& options, Case const& facts, Taxonomy const& taxonomy) {
  return Asker(facts, taxonomy, words_of(options.vocabulary), options.seed).ask();
}

}  // namespace bsft
