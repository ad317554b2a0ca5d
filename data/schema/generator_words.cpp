#include "data/schema/generator_words.hpp"

#include <algorithm>

namespace bsft {
namespace {

std::vector<LaboratoryKind> small_laboratories() {
  return {{"hemoglobin", "g/L", {80, 90, 100, 110}, {120, 130, 140, 150}, {170, 180, 190}},
          {"glucose", "mg/dL", {40, 50, 60}, {70, 80, 90, 100}, {130, 140, 150, 160, 170, 180, 190}},
          {"creatinine", "umol/L", {30, 40, 50}, {60, 70, 80, 90, 100}, {120, 130, 140, 150, 160}},
          {"pulse", "beats/min", {40, 50}, {60, 70, 80, 90, 100}, {110, 120, 130, 140, 150}}};
}

Words small_words() {
  Words words;
  words.patients = {"Lind", "Berg", "Costa", "Patel", "Moss", "Reyes"};
  words.nurses = {"Kim", "Adams", "Diaz", "Weber"};
  words.doctors = {"Moreau", "Silva", "Novak", "Tanaka", "Okoye", "Larsen"};
  words.antibiotics = {"penicillin", "sulfa", "doxycycline", "vancomycin", "ceftriaxone", "gentamicin", "amoxicillin", "linezolid"};
  words.drugs = {{"morphine", "pain"},     {"heparin", "clots"}, {"furosemide", "fluid"},
                 {"amiodarone", "rhythm"}, {"insulin", "sugar"}, {"ondansetron", "nausea"}};
  words.doses = {10, 20, 30, 40};
  words.laboratories = small_laboratories();
  words.complaints = {"cough", "rash", "vomiting", "headache", "swelling", "dizziness"};
  words.findings = {"effusion", "nodule", "collapse", "fracture", "scar"};
  words.steps = {"scan", "culture", "biopsy", "drain", "transfusion", "consult"};
  words.hours = {6, 7, 8, 9, 10, 11, 12, 13};
  return words;
}

Words large_words() {
  auto words = small_words();
  auto const add = [](std::vector<std::string>& to, std::vector<std::string> const& more) {
    to.insert(to.end(), more.begin(), more.end());
  };
  add(words.patients, {"Haddad", "Nilsen", "Farkas", "Ortiz", "Byrne", "Sato", "Ivanov", "Mbeki", "Quinn", "Rossi"});
  add(words.nurses, {"Lopez", "Chen", "Fischer", "Owusu", "Hale", "Petrov"});
  add(words.antibiotics, {"azithromycin", "ciprofloxacin", "clindamycin", "meropenem",
                          "metronidazole", "rifampicin", "tobramycin", "cefazolin"});
  words.laboratories.push_back({"sodium", "mmol/L", {110, 120, 130}, {140}, {150, 160, 170}});
  words.laboratories.push_back({"platelets", "G/L", {40, 60, 80, 100}, {160, 170, 180, 190}, {}});
  add(words.complaints, {"fatigue", "itching", "cramps", "palpitations", "numbness", "blurring"});
  add(words.steps, {"ultrasound", "endoscopy", "dialysis", "echo", "cast", "transfer"});
  words.hours = {4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19};
  return words;
}

}  // namespace

Words const& words_of(Vocabulary vocabulary) {
  static Words const small = small_words();
  static Words const large = large_words();
  return vocabulary == Vocabulary::small ? small : large;
}

std::string clock_time(int hour) { return std::string(hour < 10 ? "0" : "") + std::to_string(hour) + "00"; }

int class_of(LaboratoryKind const& kind, int value) {
  std::vector<int> const* const classes[] = {&kind.low, &kind.normal, &kind.high};
  for (int i = 0; i < 3; ++i)
    if (std::find(classes[i]->begin(), classes[i]->end(), value) != classes[i]->end()) return i;
  return -1;
}

std::string diagnosis_of(std::string const& sound, std::string const& temperature) {
  bool const fever = temperature == "febrile";
  if (sound == "crackles") return fever ? "pneumonia" : "failure";
  return fever ? "bronchitis" : "asthma";
}

}  // namespace bsft
