// Where the numbers come from, and how to get them again.
#include "trainer/report/page/sections.hpp"

namespace bsft::page {
namespace {

// For a shell: in single quotes where it needs them.
std::string quoted(std::string const& word) {
  bool const plain = !word.empty() &&
                     word.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./=:,+-") ==
                         std::string::npos;
  if (plain) return word;
  std::string text = "'";
  for (char const c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

}  // namespace

std::string provenance_section(RunFiles const& run, Detail const& detail) {
  Table table({{"what"}, {"value"}});
  auto add = [&](std::string const& what, std::string const& value) {
    if (!value.empty()) table.add({what, value});
  };
  Part const results = results_of(run), manifest(run.manifest, "manifest.json:");
  if (run.status)
    add("state", run.status->state + ", step " + std::to_string(run.status->step) + " of " +
                     std::to_string(run.status->total_steps));
  std::size_t const ranks = run.trainers + run.evaluators;
  if (ranks > 0)
    add("ranks", std::to_string(run.trainers) + (run.trainers == 1 ? " trainer" : " trainers") +
                     (run.evaluators > 0 ? ", " + std::to_string(run.evaluators) + " evaluator" : ""));
  if (auto const step = results["final"]["step"].number()) add("step of the results", decimal(step, 0));
  add("arm", results["arm"].text());
  for (char const* const what : {"data", "model", "config"}) {
    std::string const key = std::string(what) + "_digest", digest = results[key].text();
    add(std::string(what) + " digest (XXH3-128)", digest.empty() ? manifest[key].text() : digest);
  }
  add("made with", manifest["conditions"].text());
  add("determinism", manifest["determinism"].text());
  std::string body = scrolling(table.render(TableStyle::html));
  if (!run.config.empty()) {
    std::string command = ranks > 1 ? "mpirun -np " + std::to_string(ranks) + " " : "";
    command += "bsft train --config " + quoted((run.folder / "config.yaml").string()) +
               " --set run.dir=" + quoted("runs/" + run.name + "-again");
    body += "<h4>The same run again</h4>\n<pre class=\"command\">" + html_text(command) + "</pre>\n";
    std::string const config = run.config.substr(0, detail.config_bytes);
    std::string text = "<pre>" + html_lines(config) + "</pre>\n";
    if (config.size() == detail.config_bytes) text += note("The rest is in config.yaml.");
    body += folded("Configuration", text);
  }
  return section("Where does it come from?",
                 "The digests name the data, the weights and the configuration that the numbers are of.", body);
}

namespace {

// {task: {gold label: {answer: records}}}; an answer that is no label is "".
OrderedJson confusion_of(Predictions const& predictions) {
  OrderedJson tasks = OrderedJson::object();
  for (Confusion const& task : predictions.tasks) {
    for (auto const& [cell, count] : task.counts) tasks[task.task][cell.first][cell.second] = count;
  }
  return tasks;
}

}  // namespace

std::string numbers_block(std::vector<RunFiles> const& runs, OrderedJson const& comparison) {
  constexpr std::size_t most_bytes = std::size_t{256} << 10;
  OrderedJson numbers;
  numbers["runs"] = OrderedJson::array();
  for (RunFiles const& run : runs)
    numbers["runs"].push_back(
        {{"name", run.name}, {"results", run.results}, {"confusion", confusion_of(run.predictions)}});
  if (!comparison.is_null()) numbers["comparison"] = comparison;
  auto text_of = [&] { return numbers.dump(-1, ' ', true, OrderedJson::error_handler_t::replace); };
  std::string text = text_of();
  if (text.size() > most_bytes) {  // the headline condition says what the table says
    for (auto& run : numbers["runs"]) {
      if (!run["results"].is_object()) continue;
      for (char const* key : {"conditions", "before"}) run["results"].erase(key);
    }
    text = text_of();
  }
  if (text.size() > most_bytes) text = "{\"left_out\":\"too long for a page: see results.json\"}";
  std::string safe;
  for (char const c : text) {  // no "</script" and no "<!--" inside
    if (c == '<' || c == '>' || c == '&')
      safe += c == '<' ? "\\u003c" : c == '>' ? "\\u003e" : "\\u0026";
    else
      safe += c;
  }
  return "<script type=\"application/json\" id=\"numbers\">" + safe + "</script>\n";
}

}  // namespace bsft::page
