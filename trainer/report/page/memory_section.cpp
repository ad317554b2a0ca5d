// Whether a bigger one fits: what each rank planned to take of its host's memory beside the most that it took
// (events.jsonl, launch/memory_record.hpp).
#include <algorithm>

#include "trainer/report/page/sections.hpp"
#include "trainer/report/plot/bar_plot.hpp"

namespace bsft::page {
namespace {

constexpr std::size_t most_ranks = 6;
constexpr double mebibyte = 1 << 20;

struct RankTook {
  Part record;
  double peak = 0;
};

// Of the last measurement.
std::vector<RankTook> ranks_of(RunFiles const& run) {
  std::vector<RankTook> ranks;
  for (OrderedJson const& event : run.events) {
    auto const kind = event.find("event"), list = event.find("ranks");
    if (kind == event.end() || *kind != "memory" || list == event.end() || !list->is_array()) continue;
    ranks.clear();
    for (OrderedJson const& one : *list) {
      Part const record(one, "events.jsonl, memory of a rank:");
      ranks.push_back({record, record["peak"].number().value_or(0)});
    }
  }
  return ranks;
}

double mebibytes(Part const& bytes) { return bytes.number().value_or(0) / mebibyte; }

std::string plot_of(std::vector<RankTook> const& ranks, std::string const& note) {
  plot::BarPlot plot{"Memory planned and measured", note, "MiB", {}, {}, 0};
  plot.layers = {"before the model", "weights", "gradient",    "moments",      "partial gradients",
                 "frozen weights",   "passing", "save's copy", "measured peak"};
  for (auto const& [record, peak] : ranks) {
    std::string const rank = "rank " + decimal(record["rank"].number(), 0);
    std::vector<double> parts;
    for (char const* const key : {"before", "weights", "gradient", "moments", "partial", "frozen", "passing", "copy"})
      parts.push_back(mebibytes(record[key]));
    parts[6] += mebibytes(record["accumulating"]);
    parts.push_back(0);
    plot.rows.push_back({rank + " planned", parts});
    std::vector<double> measured(parts.size());
    measured.back() = peak / mebibyte;
    plot.rows.push_back({rank + " measured", std::move(measured)});
  }
  return plot::draw(plot);
}

}  // namespace

std::string memory_section(RunFiles const& run) {
  std::string const title = "Will a bigger one fit?";
  std::vector<RankTook> ranks = ranks_of(run);
  if (ranks.empty())
    return section(title, "", note("No memory has been measured yet: bsft train notes it after its first step."));
  auto const most = std::ranges::max_element(ranks, {}, &RankTook::peak);
  std::string lead = "Rank " + decimal(most->record["rank"].number(), 0) + " on " + most->record["host"].text() +
                     " took the most, " + decimal(most->peak / mebibyte, 0) + " MiB; before the model was built " +
                     decimal(mebibytes(most->record["available"]), 0) + " MiB were available to the ranks there.";
  lead += " What is measured and not planned is the activations of a pass, and what libraries keep.";
  if (std::ranges::any_of(ranks, [](RankTook const& one) { return one.record["on_device"].flag(); }))
    lead += " The model lies on the GPU: these are the host's figures.";
  std::string words = "most of the resident memory of each process";
  if (ranks.size() > most_ranks) {
    words += "; of " + std::to_string(ranks.size()) + " ranks those that took the most";
    std::ranges::stable_sort(ranks, std::ranges::greater{}, &RankTook::peak);
    ranks.erase(ranks.begin() + most_ranks, ranks.end());
  }
  return section(title, lead, "<div class=\"plots\">\n" + plot_of(ranks, words) + "</div>\n");
}

}  // namespace bsft::page
