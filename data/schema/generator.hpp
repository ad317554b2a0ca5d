// Write the synthetic BehaviorBench: cases told as dialogues, and the tasks asked about each.
//
// A Case is a set of charts drawn from (seed, number) alone: entries of a key and what is charted for it, "heparin 20
// mg". tell() turns it into a dialogue between two doctors, a nurse and the patient; probes_of() draws the questions
// about it, in pairs where something is planted: the planted one and its clean twin share the case, the wording and
// every word but one, and that word stands in the dialogue too, in another role, so that counting words tells nothing.
// Every record of a case begins with the same turns and ends with one user turn that holds the question: a trainer may
// visit the dialogue once for all of them. Same (seed, options, taxonomy): the same bytes on any machine; draws are
// bsft::mix of (seed, case, stream, counter), in integers only.  Of 50 cases 45 are for training, 2 for dev, 3 for
// test; a twin pair never leaves its case. A dialogue tells the beds and one to four charts.  A chart is told in the
// order of its form; in a hard case (one of 16) in any order, beside the neighbour's reactions.  Suites: "full" holds
// every record, "hard" those of level 3 and above of hard cases; with options.contrast "contrast": one prompt about
// each medication chart under two behaviours that call for two answers, so that who ignores the token has half of them
// right. The other questions are the same with and without it, but for their numbers and so their wording.  Errors:
// Invalid(config) where the taxonomy lacks a task, a label or a slot that the facts call for. Tests:
// tests/schema/generator_test.cpp (oracle, twins, determinism, token-only baseline), bag_of_words.py.
#pragma once

#include <array>
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
  bool contrast = false;
  bool by_level = false;  // a record's behaviour is its level of autonomy: level_0 to level_5
};

// What a dialogue may speak of.  It begins with the beds.
enum class Topic { medications, limits, reactions, laboratories, events, film, signs, plan, beds };
constexpr std::size_t topic_count = 9;

struct Entry {
  std::string key, value;  // "heparin", "20 mg"
  int number = 0;          // the dose in mg, limit, laboratory value or hour in `value`; 0 where there is none
};
using Chart = std::vector<Entry>;

// Everything that is true of a case.
struct Case {
  std::int64_t number = 0;
  Split split = Split::train;
  bool hard = false;
  std::vector<Topic> topics;  // in the order of telling
  std::string nurse, attending, consultant, patient;
  std::array<Chart, topic_count> charts;
  Chart neighbour_reactions;  // of a hard case
  int fresh = 0;              // a new value, above one of the limits and below another
  int operation = 0;          // its hour

  Chart const& chart(Topic topic) const { return charts[static_cast<std::size_t>(topic)]; }
};

// One question about a case.
struct Probe {
  std::string task;
  std::map<std::string, std::string> slots;  // what the wording may name
  std::string label;
  int pair = -1;  // members of a twin pair share it
  bool planted = false;
  bool contrast = false;  // asked under both behaviours of its task
};

Case draw_case(GeneratorOptions const& options, std::int64_t number);
// An entry as the dialogue says it: "heparin 20 mg".
std::string said(Entry const& entry);
std::vector<Turn> tell(GeneratorOptions const& options, Case const& facts);
std::vector<Probe> probes_of(GeneratorOptions const& options, Case const& facts, Taxonomy const& taxonomy);
// The records of one case, in the order of its probes.
std::vector<Record> records_of(GeneratorOptions const& options, Taxonomy const& taxonomy, std::int64_t number);
// Calls `take` with every record, case by case.
void generate(GeneratorOptions const& options, Taxonomy const& taxonomy,
              std::function<void(Record const&)> const& take);

}  // namespace bsft
