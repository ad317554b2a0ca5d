// Pairs of a planted question and its clean twin of which one was judged wrong, with their words.
#include "trainer/report/page/sample.hpp"
#include "trainer/report/page/sections.hpp"

namespace bsft::page {

std::string twins_section(RunFiles const& run, Detail const& detail) {
  Predictions const& found = run.predictions;
  std::string const title = "Twins gone wrong";
  if (!found.exist)
    return section(title, "",
                   note("There is no predictions.jsonl: it is written with the results of the final split."));
  if (found.wrong_twins == 0)
    return section(title, "", note("No twin was judged wrong, or predictions.jsonl holds no texts."));
  std::string const headline = headline_of(run);
  std::string body;
  for (std::size_t p = 0; p < found.twins.size() && p < detail.samples; ++p) {
    std::string members, wrong;
    for (OrderedJson const& json : found.twins[p].records) {
      members += sample(json, headline);
      if (is_wrong(json, headline)) wrong += (wrong.empty() ? ": " : ", ") + shortened(name_of(json), 80);
    }
    body += folded(std::to_string(p + 1) + "  " + shortened(found.twins[p].task, 120) + wrong,
                   "<div class=\"pair\">\n" + members + "</div>\n");
  }
  return section(title,
                 "A planted question and its clean twin differ in one fact. In " + std::to_string(found.wrong_twins) +
                     (found.wrong_twins == 1 ? " pair" : " pairs") + " at least one was judged wrong" +
                     (body.empty() ? "." : "; the first are here."),
                 body.empty() ? note(samples_left_out) : body);
}

}  // namespace bsft::page
