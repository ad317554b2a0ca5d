// The words that cases are made of.  The small vocabulary is for minutes of training on a CPU.
#pragma once

#include <string>
#include <vector>

#include "data/schema/generator.hpp"

namespace bsft {

struct DrugUse {
  std::string drug, purpose;
};
// Values of a laboratory test by class; multiples of ten.
struct LaboratoryKind {
  std::string name, unit;
  std::vector<int> low, normal, high;
};

struct Words {
  std::vector<std::string> patients, nurses, doctors;
  std::vector<std::string> antibiotics;  // of allergies and of new orders
  std::vector<DrugUse> drugs;            // of current medication
  std::vector<int> doses;                // mg
  std::vector<LaboratoryKind> laboratories;
  std::vector<std::string> complaints, findings, steps;
  std::vector<int> hours;
};

Words const& words_of(Vocabulary vocabulary);

// "0600"
std::string clock_time(int hour);
// Low, normal or high: 0, 1, 2; -1 for a value in no class.
int class_of(LaboratoryKind const& kind, int value);
// The diagnosis that fits a breath sound and a temperature.
std::string diagnosis_of(std::string const& sound, std::string const& temperature);

}  // namespace bsft
