// Draws the questions about a case, planted ones with their clean twins.
#include <algorithm>
#include <iterator>
#include <utility>

#include "data/base/error.hpp"
#include "data/schema/generator.hpp"
#include "data/schema/generator_draw.hpp"
#include "data/schema/generator_wording.hpp"
#include "data/schema/generator_words.hpp"

namespace bsft {
namespace {

// The entries that are so, and those that are not, in their order.
template <class Predicate>
std::pair<Chart, Chart> parted(Chart const& entries, Predicate const& is_so) {
  std::pair<Chart, Chart> out;
  std::partition_copy(entries.begin(), entries.end(), std::back_inserter(out.first), std::back_inserter(out.second),
                      is_so);
  return out;
}

// What a question about one entry may name: its key as `slot`, and the whole of it.
Slots about(char const* slot, Entry const& one) { return {{slot, one.key}, {"entry", said(one)}}; }

class Asker {
 public:
  Asker(GeneratorOptions const& options, Case const& facts, Taxonomy const& taxonomy)
      : facts_(facts),
        taxonomy_(taxonomy),
        words_(words_of(options.vocabulary)),
        seed_(options.seed),
        contrast_(options.contrast),
        draw_(options.seed, facts.number, asking_stream) {}

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
        for (auto const& one : entries) add("differential_diagnosis", about("day", one), diagnosis_of(one.value));
        return;
      case Topic::plan:
        return ask_plan(entries);
      case Topic::beds:
        return add("read_back", about("place", entries[0]), entries[0].value);
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
    auto const [known, open] = parted(entries, [](Entry const& one) { return one.number > 0; });
    for (auto const& one : known) add("fact_retrieval", about("drug", one), std::to_string(one.number));
    auto sum = about("drug", known[0]);
    bool const three = draw_.coin();
    sum["count"] = three ? "three" : "two";
    add("dose_calculation", sum, std::to_string(known[0].number * (three ? 3 : 2)));
    add_twins("clarification", about("drug", open[0]), about("drug", known[1]));
    // The wrong dose is that of the other drug.
    auto wrong = about("drug", known[0]), right = wrong;
    wrong["dose"] = std::to_string(known[1].number);
    right["dose"] = std::to_string(known[0].number);
    add_twins("error_correction", wrong, right);
    if (!contrast_) return;
    auto status = about("drug", known[0]);
    status["gap"] = said(open[0]);
    add("medication_status", status, task("medication_status").labels[0]);
    probes_.back().contrast = true;
  }

  void ask_limits(Chart const& entries) {
    auto const [broken, kept] = parted(entries, [this](Entry const& one) { return facts_.fresh > one.number; });
    auto const slots = [this](Entry const& one) {
      auto out = about("lab", one);
      out["value"] = std::to_string(facts_.fresh);
      out["unit"] = laboratory(words_, one.key).unit;
      return out;
    };
    add_twins("critical_value_alert", slots(broken[0]), slots(kept[0]));
  }

  void ask_reactions(Chart const& entries) {
    auto const& words = words_.bad_reactions;
    auto const [bad, good] = parted(
        entries, [&](Entry const& one) { return std::find(words.begin(), words.end(), one.value) != words.end(); });
    add_twins("contraindication_alert", about("drug", bad[0]), about("drug", good[0]));
  }

  void ask_laboratories(Chart const& entries) {
    auto const& labels = task("lab_interpretation").labels;
    for (std::size_t i = 0; i < 2; ++i) {
      auto const reading = class_of(laboratory(words_, entries[i].key), entries[i].number);
      add("lab_interpretation", about("lab", entries[i]), labels.at(static_cast<std::size_t>(reading)));
    }
  }

  void ask_events(Chart const& entries) {
    auto const& labels = task("temporal_ordering").labels;
    for (std::size_t i = 0; i < 2; ++i) {
      auto slots = about("event", entries[i]);
      slots["operation"] = clock_time(facts_.operation);
      add("temporal_ordering", slots, labels.at(entries[i].number < facts_.operation ? 0 : 1));
    }
  }

  void ask_film(Chart const& entries) {
    for (std::size_t i = 0; i < 2; ++i) {
      auto right = about("side", entries[i]), wrong = about("side", entries[1 - i]);
      right["finding"] = wrong["finding"] = entries[i].value;
      add("image_reasoning", right, entries[i].value);
      add_twins("consistency_check", wrong, right);
    }
  }

  // A closing plan that leaves out a step which a doctor wants, or the one that was dropped.
  void ask_plan(Chart const& entries) {
    auto const [wanted, dropped] = parted(entries, [](Entry const& one) { return one.value != "dropped"; });
    for (auto const& one : wanted) add("attribution", about("step", one), one.value.substr(one.value.find(' ') + 1));
    add_twins("omission_detection", about("step", wanted[0]), about("step", dropped[0]));
  }

  Case const& facts_;
  Taxonomy const& taxonomy_;
  Words const& words_;
  std::uint64_t seed_;
  bool contrast_;
  Draw draw_;
  std::vector<Probe> probes_;
  int pairs_ = 0;
};

}  // namespace

std::vector<Probe> probes_of(GeneratorOptions const& options, Case const& facts, Taxonomy const& taxonomy) {
  return Asker(options, facts, taxonomy).ask();
}

}  // namespace bsft
