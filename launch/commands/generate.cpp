// bsft generate: read a prompt, answer it under one setting, or under several side by side.
#include <torch/csrc/autograd/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <iterator>
#include <map>
#include <sstream>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/json.hpp"
#include "data/base/terminal.hpp"
#include "data/schema/record.hpp"
#include "data/schema/taxonomy.hpp"
#include "launch/commands/choices.hpp"
#include "launch/commands/commands.hpp"
#include "launch/commands/dial.hpp"
#include "trainer/evaluate/generation.hpp"
#include "trainer/evaluate/model_folder.hpp"
#include "trainer/report/table.hpp"

namespace bsft {
namespace {

using Kind = DialSetting::Kind;

struct Answered {
  std::vector<double> probabilities;           // [K], among the behaviours
  std::vector<std::optional<std::size_t>> of;  // [settings] the behaviour that was used
  std::vector<Continuation> answers;           // [settings]
};

std::vector<double> shares(std::vector<double> log_p) {
  double sum = 0;
  double const largest = log_p.empty() ? 0 : *std::max_element(log_p.begin(), log_p.end());
  for (double& value : log_p) sum += value = std::exp(value - largest);
  for (double& value : log_p) value /= sum;
  return log_p;
}

// The prompt is visited once; settings that come to the same behaviour share its answer.
Answered answer(ModelFolder const& model, std::vector<TokenId> const& prompt, std::vector<DialSetting> const& settings,
                std::int32_t most) {
  auto const& behaviors = model.behaviors().tokens;
  auto const asks = [&](Kind kind) {
    return std::any_of(settings.begin(), settings.end(), [&](auto const& one) { return one.kind == kind; });
  };
  std::vector<Opening> openings(1);  // [0] the prompt alone, then each behaviour that may be used, then each dial
  openings[0].prompt.tokens = prompt;
  openings[0].prompt.share = 0;
  openings[0].most = asks(Kind::none) ? most : 0;
  auto const open = [&](TokenId token) {
    openings.push_back(openings[0]);
    openings.back().prompt.tokens.push_back(token);
    openings.back().most = most;
    return openings.size() - 1;
  };
  std::map<std::size_t, std::size_t> under;  // behaviour -> opening
  for (std::size_t k = 0; k < behaviors.size(); ++k) {
    bool const named = std::any_of(settings.begin(), settings.end(),
                                   [&](auto const& one) { return one.kind == Kind::behavior && one.behavior == k; });
    if (named || asks(Kind::self)) under[k] = open(behaviors[k].id);
  }
  std::vector<BehaviorDial> dials;
  std::vector<std::size_t> opening_of;
  for (DialSetting const& setting : settings) {
    opening_of.push_back(0);
    if (setting.kind != Kind::dial) continue;
    opening_of.back() =
        open(static_cast<TokenId>(model.decoder().exported_vocabulary()) + static_cast<TokenId>(dials.size()));
    dials.push_back(setting.dial);
  }
  Generation generation(model.decoder(), std::move(openings), model.answer_ends(), dials);
  Answered result;
  result.probabilities = shares(generation.log_p(0, model.decoder().behavior_ids()));
  auto const best = static_cast<std::size_t>(
      std::max_element(result.probabilities.begin(), result.probabilities.end()) - result.probabilities.begin());
  for (std::size_t s = 0; s < settings.size(); ++s) {
    bool const uses = settings[s].kind == Kind::self || settings[s].kind == Kind::behavior;
    result.of.push_back(uses ? std::optional(settings[s].kind == Kind::self ? best : settings[s].behavior)
                             : std::nullopt);
    if (uses) opening_of[s] = under.at(*result.of.back());
  }
  std::vector<std::size_t> asked = opening_of;
  std::sort(asked.begin(), asked.end());
  asked.erase(std::unique(asked.begin(), asked.end()), asked.end());
  std::vector<Continuation> const answers = generation.run(asked);
  for (std::size_t const opening : opening_of)
    result.answers.push_back(
        answers[static_cast<std::size_t>(std::lower_bound(asked.begin(), asked.end(), opening) - asked.begin())]);
  return result;
}

struct Prompt {
  std::string text;  // shown
  std::vector<Turn> turns;
};

// From standard input, or a file: the records of FILE.jsonl, else a line each.
std::vector<Prompt> read_prompts(Arguments const& arguments) {
  std::vector<Prompt> prompts;
  std::string const file = arguments.text("prompts");
  if (file.ends_with(".jsonl")) {
    for (Record const& record : read_records(file)) prompts.push_back({record.id, record.turns});
  } else if (!file.empty()) {
    std::istringstream lines(read_file(file));
    for (std::string line; std::getline(lines, line);)
      if (!line.empty()) prompts.push_back({line, {{"user", "", line}}});
  } else {
    std::string prompt{std::istreambuf_iterator<char>(std::cin), {}};
    while (!prompt.empty() && prompt.back() == '\n') prompt.pop_back();
    if (prompt.empty())
      throw Invalid(Exit::usage, "no prompt", "standard input is empty", "echo \"…\" | bsft generate --model DIR");
    prompts.push_back({prompt, {{"user", "", prompt}}});
  }
  if (prompts.empty()) throw Invalid(Exit::data, "no prompt", file + " is empty", "write a prompt a line");
  for (Prompt& prompt : prompts)
    if (!arguments.text("system").empty())
      prompt.turns.insert(prompt.turns.begin(), {"system", "", arguments.text("system")});
  return prompts;
}

// A behaviour's name, "none", or the dial's.
std::string used(ModelFolder const& model, DialSetting const& setting, std::optional<std::size_t> behavior) {
  return behavior ? model.behaviors().tokens[*behavior].name : setting.name;
}

OrderedJson json_of(ModelFolder const& model, std::vector<DialSetting> const& settings, Answered const& answered,
                    std::size_t s) {
  OrderedJson json;
  json["behavior"] = used(model, settings[s], answered.of[s]);
  for (std::size_t k = 0; k < answered.probabilities.size(); ++k)
    json["probabilities"][model.behaviors().tokens[k].name] = answered.probabilities[k];
  json["answer"] = model.tokenizer().decode(answered.answers[s].tokens);
  return json;
}

OrderedJson list_of(ModelFolder const& model, std::vector<DialSetting> const& settings, Answered const& answered) {
  OrderedJson list = OrderedJson::array();
  for (std::size_t s = 0; s < settings.size(); ++s) {
    OrderedJson one;
    one["setting"] = settings[s].name;
    one.update(json_of(model, settings, answered, s));
    one["tokens"] = answered.answers[s].tokens.size();
    one["ended"] = answered.answers[s].ended;
    one["seconds"] = answered.answers[s].seconds;
    list.push_back(std::move(one));
  }
  return list;
}

std::string table_of(ModelFolder const& model, std::vector<DialSetting> const& settings, Answered const& answered) {
  Table table({{"behaviour"}, {"P(behaviour)", Align::right}, {"answer"}, {"seconds", Align::right}});
  for (std::size_t s = 0; s < settings.size(); ++s) {
    std::string const name = used(model, settings[s], answered.of[s]);
    std::optional<double> p;
    if (answered.of[s]) p = answered.probabilities[*answered.of[s]];
    std::string const text = model.tokenizer().decode(answered.answers[s].tokens);
    table.add({settings[s].kind == Kind::self ? "self: " + name : name, decimal(p),
               printable(text, Newlines::escape) + (answered.answers[s].ended ? "" : " …"),
               decimal(answered.answers[s].seconds, 2)});
  }
  return table.render(TableStyle::terminal);
}

std::string dumped(OrderedJson const& json) { return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"; }

int run(Arguments const& arguments) {
  torch::autograd::AutoGradMode const no_gradient(false);
  std::int64_t const wanted = at_least(arguments, "max-tokens", 1);
  use_machine(arguments);
  ModelFolder const model(arguments.text("model"), read_taxonomy(arguments.text("behaviors")).behaviors,
                          arguments.text("template"));
  auto const most = static_cast<std::int32_t>(std::min(wanted, model.decoder().shape().max_positions));
  std::vector<DialSetting> const settings = dial_settings(arguments, model.behaviors());
  std::vector<Prompt> const prompts = read_prompts(arguments);
  if (!model.learned())
    std::cerr << "bsft: this model has not learned the behaviours: their rows are the mean of their descriptions\n";
  OrderedJson all = OrderedJson::array();
  for (Prompt const& prompt : prompts) {
    Answered const answered = answer(model, model.chat_template().render_prompt(prompt.turns), settings, most);
    if (arguments.has("prompts") || settings.size() > 1) {
      OrderedJson list = list_of(model, settings, answered);
      if (arguments.has("prompts")) {
        if (!arguments.has("json")) std::cout << printable(prompt.text, Newlines::escape) << "\n";
        list = {{"prompt", prompt.text}, {"answers", std::move(list)}};
      }
      if (arguments.has("json"))
        arguments.has("prompts") ? all.push_back(std::move(list)) : all.swap(list);
      else
        std::cout << table_of(model, settings, answered) << (arguments.has("prompts") ? "\n" : "") << std::flush;
      continue;
    }
    OrderedJson const json = json_of(model, settings, answered, 0);
    std::cerr << "behaviour: " << json["behavior"].get<std::string>()
              << (settings[0].kind == Kind::self ? " (selected;" : " (given;");
    for (std::size_t k = 0; k < answered.probabilities.size(); ++k)
      std::cerr << " " << model.behaviors().tokens[k].name << " "
                << std::round(answered.probabilities[k] * 1000) / 1000;
    std::cerr << ")" << std::endl;
    std::cout << (arguments.has("json") ? dumped(json) : json["answer"].get<std::string>() + "\n") << std::flush;
  }
  if (!all.empty()) std::cout << dumped(all) << std::flush;
  return static_cast<int>(Exit::done);
}

}  // namespace

Command generate_command() {
  return {"generate",
          "Judge",
          "answer a prompt; the model selects its behaviour, or is given one, or several side by side",
          "",
          {{"model", "DIR", "a Hugging Face folder: a checkpoint of ours, or a model that was not trained", "", true},
           {"behavior", "NAME", "self (selected by the model), a behaviour, none (no token) or all; repeat for several",
            "", false, true},
           {"dial", "A:B=SHARE", "A's row turned by SHARE (0 to 1) towards B's; repeat for several", "", false, true},
           {"behaviors", "FILE.yaml", "the behaviours and their tokens", "configs/behaviorbench.yaml"},
           {"prompts", "FILE", "in place of standard input: the records of FILE.jsonl, or a prompt a line"},
           {"system", "TEXT", "a system turn before the prompt"},
           {"template", "FAMILY", "as model.template", "auto"},
           {"max-tokens", "N", "of the answer", "64"},
           {"threads", "N", "0: as libtorch chooses", "0"},
           {"kernels", "PATH", "fused or reference", "fused"},
           {"json", "", "behaviour, probabilities and answer as JSON; of several settings a list"}},
          {"echo \"Is this dose safe? …\" | bsft generate --model runs/quickstart/checkpoints/step-00000400",
           "echo \"…\" | bsft generate --model DIR --behavior all --dial reactive:proactive=0.5"},
          run};
}

}  // namespace bsft
