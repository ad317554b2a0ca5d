// Write the synthetic BehaviorBench: cases told as dialogues, and the tasks asked about each.
//
// A Case is a set of facts drawn from (seed, number) alone.  tell() turns it into a dialogue between two doctors, a nurse
// and the patient; probes_of() draws the questions about it, in pairs where something is planted: the planted one and its
// clean twin share the case, the wording and every word but one or two, and those words stand in the dialogue too, in
// another role, so that counting words tells nothing.  Every record of a case begins with the same turns and ends with
// one user turn that holds the question: a trainer may visit the dialogue once for all of them.
// Same (seed, options, taxonomy): the same bytes on any machine; draws are bsft::mix of (seed, case, stream, counter),
// in integers only.  Of 50 cases 45 are for training, 2 for dev, 3 for test; a twin pair never leaves its case.
// Dialogues are brief (two topics), middling (four) or long (all eight), 4 : 2 : 2; half of the long ones are hard: they
// tell more facts, and those of a neighbour as well.  Suites: "full" holds every record, "hard" those of level 3 and
// above of hard cases.
// Errors: Invalid(config) where the taxonomy lacks a task, a label or a slot that the facts call for.
// Tests: tests/schema/generator_test.cpp (oracle, twins, determinism, token-only baseline), bag_of_words.py.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "data/schema/record.hpp"
#include "data/schema/taxonomy.hpp"

namespace bsft {

enum class Vocabulary { small, large };

struct GeneratorOptions {
  std::int64_t cases = 2000;
  std::uint64_t seed = 1;
  Vocabulary vocabulary = Vocabulary::small;
};

struct Medication {
  std::string drug, purpose;
  int dose = 0;  // mg; 0: left open
};
struct Laboratory {
  std::string name, unit;
  int value = 0;
};
struct Limit {
  std::string name, unit;
  int value = 0;
};
struct Event {
  std::string name;
  int hour = 0;
};
struct Wish {
  std::string step, doctor;
};

// What a dialogue may speak of.
enum class Topic { medications, limits, allergies, laboratories, events, film, signs, plan };
constexpr std::size_t topic_count = 8;

// Everything that is true of a case.
struct Case {
  std::int64_t number = 0;
  Split split = Split::train;
  bool hard = false;
  std::vector<Topic> topics;  // two, four or all of them, in the order of telling
  std::string patient, neighbour, nurse, attending, consultant;
  int bed = 0;
  std::vector<std::string> allergies, tolerated;  // two each
  std::string neighbour_allergy;
  std::vector<Medication> medications;  // one of them with an open dose
  std::vector<Laboratory> laboratories;
  std::vector<Limit> limits;  // two, the lower first
  std::vector<int> between;   // values above the one and below the other
  std::vector<Event> events;
  std::string left, right;  // findings on the film
  std::string sound, temperature;
  std::vector<Wish> agreed;           // two
  std::vector<std::string> rejected;  // two
};

// One question about a case.
struct Probe {
  Topic topic{};
  std::string task;
  std::map<std::string, std::string> slots;  // what the wording may name
  std::string label;
  int pair = -1;  // members of a twin pair share it
  bool planted = false;
};

Case draw_case(GeneratorOptions const& options, std::int64_t number);
// "20 mg" or "dose open"; and every medication as the dialogue and a read-back word it.
std::string dose_of(Medication const& one);
std::vector<std::string> medication_items(Case const& facts);
// The facts of a topic as the dialogue words them.
std::string quote(GeneratorOptions const& options, Case const& facts, Topic topic);
std::vector<Turn> tell(GeneratorOptions const& options, Case const& facts);
std::vector<Probe> probes_of(GeneratorOptions const& options, Case const& facts, Taxonomy const& taxonomy);
// The records of one case, in the order of its probes.
std::vector<Record> records_of(GeneratorOptions const& options, Taxonomy const& taxonomy, std::int64_t number);
// Calls `take` with every record, case by case.
void generate(GeneratorOptions const& options, Taxonomy const& taxonomy, std::function<void(Record const&)> const& take);

}  // namespace bsft
