// What the doctor found: rows in sections, a table, a JSON document, an exit code.
//
//   {"bsft", "ranks", "seconds", "verdict", "exit_code",
//    "sections": [{"name", "findings": [{"check", "found", "verdict", "advice", …numbers}]}]}
// verdict: ok, note (worth knowing), warning (it will run, but badly), fail (it will not).  Numbers carry their unit in
// their name.  The exit code is that of the first failure, 0 where there is none.
// Threads: one adds, another may read (the deadline's).
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "data/base/error.hpp"
#include "data/base/json.hpp"

namespace bsft::doctor {

enum class Verdict { ok, note, warning, fail };
std::string name_of(Verdict verdict);

struct Finding {
  std::string check, found;
  Verdict verdict = Verdict::ok;
  std::string advice;             // what to do, empty: nothing
  Exit code = Exit::unavailable;  // of a failure
  OrderedJson numbers = OrderedJson::object();
};
// A failure by the parts of an error: `what (why)` is found, the fix is the advice, its code is kept.
Finding failure(std::string check, std::exception const& error);

struct Section {
  std::string name;
  std::vector<Finding> findings;
};

class Diagnosis {
 public:
  void add(std::string const& section, Finding finding);
  void add(std::string const& section, std::vector<Finding> findings);
  std::vector<Section> sections() const;

 private:
  mutable std::mutex mutex_;
  std::vector<Section> sections_;
};

struct Circumstances {
  std::string version;  // "bsft 0.1.0"
  int ranks = 1;
  double seconds = 0;
};
std::string table_of(std::vector<Section> const& sections, Circumstances const& circumstances);
OrderedJson json_of(std::vector<Section> const& sections, Circumstances const& circumstances);
Exit exit_of(std::vector<Section> const& sections);

}  // namespace bsft::doctor
