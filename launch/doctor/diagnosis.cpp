#include "launch/doctor/diagnosis.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "trainer/report/table.hpp"

namespace bsft::doctor {
namespace {

Verdict worst_of(std::vector<Section> const& sections) {
  Verdict worst = Verdict::ok;
  for (Section const& section : sections)
    for (Finding const& finding : section.findings) worst = std::max(worst, finding.verdict);
  return worst;
}

std::string summary_of(std::vector<Section> const& sections, Circumstances const& circumstances) {
  std::array<int, 4> counts{};
  for (Section const& section : sections)
    for (Finding const& finding : section.findings) ++counts[static_cast<std::size_t>(finding.verdict)];
  char text[160];
  std::snprintf(text, sizeof text, "%s, %d %s, %.1f s: %d ok, %d note, %d warning, %d fail; exit code %d",
                circumstances.version.c_str(), circumstances.ranks, circumstances.ranks == 1 ? "rank" : "ranks",
                circumstances.seconds, counts[0], counts[1], counts[2], counts[3], static_cast<int>(exit_of(sections)));
  return text;
}

// Behind the bracket that closes the first " (" of "what (why) fix"; the end where there is none.
std::size_t end_of_reason(std::string const& line) {
  auto at = line.find(" (");
  int depth = 0;
  for (; at < line.size(); ++at) {
    if (line[at] == '(') ++depth;
    if (line[at] == ')' && --depth == 0) return at + 1;
  }
  return line.size();
}

}  // namespace

std::string name_of(Verdict verdict) {
  constexpr std::array<char const*, 4> names = {"ok", "note", "warning", "fail"};
  return names[static_cast<std::size_t>(verdict)];
}

Finding failure(std::string check, std::exception const& error) {
  auto const* known = dynamic_cast<Error const*>(&error);
  std::string const words = error.what(), line = words.substr(0, words.find('\n'));
  auto const end = end_of_reason(line);
  std::string const fix = end < line.size() ? line.substr(std::min(end + 1, line.size())) : "";
  return {std::move(check), line.substr(0, end), Verdict::fail, fix, known != nullptr ? known->code() : Exit::internal};
}

void Diagnosis::add(std::string const& section, Finding finding) {
  std::lock_guard const lock(mutex_);
  if (sections_.empty() || sections_.back().name != section) sections_.push_back({section, {}});
  sections_.back().findings.push_back(std::move(finding));
}

void Diagnosis::add(std::string const& section, std::vector<Finding> findings) {
  for (Finding& finding : findings) add(section, std::move(finding));
}

std::vector<Section> Diagnosis::sections() const {
  std::lock_guard const lock(mutex_);
  return sections_;
}

std::string table_of(std::vector<Section> const& sections, Circumstances const& circumstances) {
  Table table({{"section"}, {"check"}, {"verdict"}, {"found"}, {"what to do"}});
  for (std::size_t i = 0; i < sections.size(); ++i) {
    if (i > 0) table.add_rule();
    std::string name = sections[i].name;
    for (Finding const& finding : sections[i].findings) {
      table.add({std::exchange(name, ""), finding.check, name_of(finding.verdict), finding.found, finding.advice});
    }
  }
  return table.render(TableStyle::terminal) + "\n" + summary_of(sections, circumstances) + "\n";
}

OrderedJson json_of(std::vector<Section> const& sections, Circumstances const& circumstances) {
  OrderedJson document;
  document["bsft"] = circumstances.version;
  document["ranks"] = circumstances.ranks;
  document["seconds"] = circumstances.seconds;
  document["verdict"] = name_of(worst_of(sections));
  document["exit_code"] = static_cast<int>(exit_of(sections));
  document["sections"] = OrderedJson::array();
  for (Section const& section : sections) {
    OrderedJson findings = OrderedJson::array();
    for (Finding const& finding : section.findings) {
      OrderedJson one = {{"check", finding.check},
                         {"found", finding.found},
                         {"verdict", name_of(finding.verdict)},
                         {"advice", finding.advice}};
      one.update(finding.numbers);
      findings.push_back(std::move(one));
    }
    document["sections"].push_back({{"name", section.name}, {"findings", std::move(findings)}});
  }
  return document;
}

Exit exit_of(std::vector<Section> const& sections) {
  for (Section const& section : sections)
    for (Finding const& finding : section.findings)
      if (finding.verdict == Verdict::fail) return finding.code;
  return Exit::done;
}

}  // namespace bsft::doctor
