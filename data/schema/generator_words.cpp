#include "data/schema/generator_words.hpp"

#include <algorithm>

#include "data/base/error.hpp"

namespace bsft {
namespace {

Words small_words() {
  Words words;
  words.patients = {"Lind", "Berg", "Costa", "Patel", "Moss", "Reyes"};
  words.nurses = {"Kim", "Adams", "Diaz", "Weber"};
  words.doctors = {"Moreau", "Silva", "Novak", "Tanaka"};
  words.drugs = {"morphine", "heparin", "furosemide"};
  words.antibiotics = {"penicillin", "sulfa", "doxycycline"};
  words.events = {"cough", "vomiting", "headache"};
  words.steps = {"scan", "culture", "biopsy"};
  words.laboratories = {{"glucose", "mg/dL", {{{40, 50}, {80, 90}, {160, 180}}}},
                        {"creatinine", "umol/L", {{{30, 40}, {70, 80}, {130, 140}}}},
                        {"pulse", "beats/min", {{{40, 50}, {70, 80}, {130, 140}}}}};
  words.findings = {"effusion", "nodule", "fracture"};
  words.bad_reactions = {"rash", "hives"};
  words.good_reactions = {"tolerated", "harmless"};
  words.doses = {10, 20, 30};
  words.limits = {60, 90, 120};
  words.fresh = {75, 105};
  words.hours = {7, 11, 15};
  words.operations = {9, 13};
  return words;
}

Words large_words() {
  auto words = small_words();
  auto const add = [](std::vector<std::string>& to, std::vector<std::string> const& more) {
    to.insert(to.end(), more.begin(), more.end());
  };
  add(words.nurses, {"Lopez", "Chen", "Fischer", "Owusu", "Hale", "Petrov"});
  add(words.drugs, {"insulin", "amiodarone"});
  add(words.antibiotics, {"vancomycin", "gentamicin"});
  add(words.events, {"swelling", "dizziness"});
  add(words.steps, {"drain", "transfusion"});
  words.laboratories.push_back({"hemoglobin", "g/L", {{{80, 90}, {130, 140}, {180, 190}}}});
  words.laboratories.push_back({"sodium", "mmol/L", {{{110, 120}, {140}, {150, 160}}}});
  add(words.bad_reactions, {"wheals"});
  add(words.good_reactions, {"fine"});
  words.hours = {6, 7, 11, 12, 15, 16};
  return words;
}

}  // namespace

Words const& words_of(Vocabulary vocabulary) {
  static Words const small = small_words();
  static Words const large = large_words();
  return vocabulary == Vocabulary::small ? small : large;
}

std::string clock_time(int hour) { return std::string(hour < 10 ? "0" : "") + std::to_string(hour) + "00"; }

LaboratoryKind const& laboratory(Words const& words, std::string const& name) {
  auto const found = std::find_if(words.laboratories.begin(), words.laboratories.end(),
                                  [&](LaboratoryKind const& kind) { return kind.name == name; });
  ensure(found != words.laboratories.end(), "a charted test is among the words");
  return *found;
}

int class_of(LaboratoryKind const& kind, int value) {
  for (std::size_t i = 0; i < kind.values.size(); ++i)
    if (std::find(kind.values[i].begin(), kind.values[i].end(), value) != kind.values[i].end())
      return static_cast<int>(i);
  return -1;
}

std::string diagnosis_of(std::string const& signs) {
  bool const fever = signs.ends_with(" febrile");
  if (signs.starts_with("crackles")) return fever ? "pneumonia" : "failure";
  return fever ? "bronchitis" : "asthma";
}

}  // namespace bsft
