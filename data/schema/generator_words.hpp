// The words that cases are made of.  The small vocabulary is for minutes of training on a CPU.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "data/schema/generator.hpp"

namespace bsft {

struct LaboratoryKind {
  std::string name, unit;
  std::array<std::vector<int>, 3> values;  // low, normal, high; multiples of ten
};

// Keys stand in the order of their form; a case charts three of them.
struct Words {
  std::vector<std::string> patients, nurses, doctors;
  std::vector<std::string> drugs, antibiotics, events, steps;
  std::vector<LaboratoryKind> laboratories;
  std::vector<std::string> findings, bad_reactions, good_reactions;
  std::vector<int> doses;              // mg
  std::vector<int> limits, fresh;      // every fresh value lies between two limits
  std::vector<int> hours, operations;  // no event at the hour of an operation
};

Words const& words_of(Vocabulary vocabulary);

// "0600"
std::string clock_time(int hour);
LaboratoryKind const& laboratory(Words const& words, std::string const& name);
// Low, normal or high: 0, 1, 2; -1 for a value in no class.
int class_of(LaboratoryKind const& kind, int value);
// The diagnosis that fits charted signs, "crackles febrile".
std::string diagnosis_of(std::string const& signs);

}  // namespace bsft
