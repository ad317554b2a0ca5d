#include "launch/options.hpp"

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <cmath>
#include <set>

#include "data/base/error.hpp"

namespace bsft {
namespace po = boost::program_options;
namespace {

std::string const ellipsis = "…";

bool ends_with(std::string const& text, std::string const& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

std::string usage_of(Option const& option) {
  return "--" + option.name + (option.value.empty() ? "" : " " + option.value) + (option.repeats ? ellipsis : "");
}

Option const* find(Command const& command, std::string const& name) {
  for (Option const& option : command.options)
    if (option.name == name) return &option;
  return nullptr;
}

// Boost's own messages start with the problem; one line of ours says which command.
[[noreturn]] void refuse(Command const& command, std::string const& what, std::string const& why,
                         std::string fix = {}) {
  if (fix.empty()) fix = "see bsft " + command.name + " --help";
  throw Invalid(Exit::usage, what, why, fix);
}

std::vector<po::option> tokens(Command const& command, std::vector<std::string> const& words) {
  po::options_description known;
  for (Option const& option : command.options) {
    if (option.value.empty())
      known.add_options()(option.name.c_str(), "");
    else if (option.repeats)
      known.add_options()(option.name.c_str(), po::value<std::vector<std::string>>()->multitoken());
    else
      known.add_options()(option.name.c_str(), po::value<std::string>());
  }
  using namespace po::command_line_style;
  try {
    return po::command_line_parser(words)
        .options(known)
        .style(allow_long | long_allow_adjacent | long_allow_next)
        .positional(po::positional_options_description().add("word", -1))
        .allow_unregistered()
        .run()
        .options;
  } catch (po::error_with_option_name const& error) {
    std::string name = error.get_option_name();
    name.erase(0, name.find_first_not_of('-'));
    Option const* option = find(command, name);
    if (option != nullptr && option->value.empty()) refuse(command, "--" + name, "it takes no value");
    refuse(command, "--" + name, option == nullptr ? "no value" : "it needs a value: " + usage_of(*option));
  } catch (po::error const& error) {
    refuse(command, "command line", error.what());
  }
}

// Words after "--", which are another program's.
bool takes_a_command(Command const& command) { return command.positional.rfind("-- ", 0) == 0; }

std::string unknown(Command const& command, std::string const& name) {
  std::vector<std::string> names;
  for (Option const& option : command.options) names.push_back(option.name);
  std::string const near = nearest(name, names);
  if (near.empty() && takes_a_command(command)) return "write -- before the command";
  return near.empty() ? "" : "did you mean --" + near + "?";
}

void check_positional(Command const& command, std::vector<std::string> const& given) {
  if (command.positional.empty()) {
    if (!given.empty())
      refuse(command, "unexpected word '" + given.front() + "'", "bsft " + command.name + " takes options only");
    return;
  }
  bool const optional = command.positional.front() == '[';
  bool const several = command.positional.find(ellipsis) != std::string::npos;
  if (given.empty() && !optional) refuse(command, "bsft " + command.name, command.positional + " is missing");
  if (given.size() > 1 && !several)
    refuse(command, "unexpected word '" + given[1] + "'", "bsft " + command.name + " takes one " + command.positional);
}

template <class Number>
Number number(std::string const& name, std::string const& text, char const* kind) {
  Number value{};
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range)
    throw Invalid(Exit::usage, "--" + name + " " + text, "too large", std::string("write ") + kind);
  if (text.empty() || error != std::errc() || end != text.data() + text.size())
    throw Invalid(Exit::usage, "--" + name + " " + text, "not a number", std::string("write ") + kind);
  return value;
}

}  // namespace

bool Arguments::has(std::string const& name) const { return typed.count(name) != 0; }

std::string Arguments::text(std::string const& name) const {
  auto const found = values.find(name);
  return found == values.end() || found->second.empty() ? std::string() : found->second.back();
}

std::int64_t Arguments::integer(std::string const& name) const {
  return number<std::int64_t>(name, text(name), "a whole number");
}

double Arguments::real(std::string const& name) const {
  double const value = number<double>(name, text(name), "a number such as 0.5 or 1e-4");
  if (!std::isfinite(value)) throw Invalid(Exit::usage, "--" + name + " " + text(name), "not finite", "write a number");
  return value;
}

std::vector<std::string> Arguments::list(std::string const& name) const {
  auto const found = values.find(name);
  return found == values.end() ? std::vector<std::string>() : found->second;
}

Arguments parse(Command const& command, std::vector<std::string> const& words) {
  Arguments arguments;
  for (po::option const& token : tokens(command, words)) {
    if (token.position_key >= 0 || token.string_key.empty()) {
      arguments.positional.insert(arguments.positional.end(), token.value.begin(), token.value.end());
      continue;
    }
    Option const* option = find(command, token.string_key);
    if (option == nullptr)
      refuse(command, "unknown option --" + token.string_key, "bsft " + command.name + " does not have it",
             unknown(command, token.string_key));
    std::vector<std::string>& values = arguments.values[option->name];
    if (!option->repeats && arguments.has(option->name)) refuse(command, "--" + option->name, "given twice");
    arguments.typed.insert(option->name);
    values.insert(values.end(), token.value.begin(), token.value.end());
  }
  check_positional(command, arguments.positional);
  for (Option const& option : command.options) {
    if (arguments.has(option.name)) continue;
    if (option.required) refuse(command, "bsft " + command.name, usage_of(option) + " is missing");
    if (!option.default_value.empty()) arguments.values[option.name] = {option.default_value};
  }
  return arguments;
}

std::string help_of(Command const& command) {
  std::string text = "bsft " + command.name + " – " + command.summary + "\n\n  bsft " + command.name;
  std::string const words = command.positional.empty() ? "" : " " + command.positional;
  if (!takes_a_command(command)) text += words;
  for (Option const& option : command.options)
    text += option.required ? " " + usage_of(option) : " [" + usage_of(option) + "]";
  if (takes_a_command(command)) text += words;
  text += "\n";
  if (!command.options.empty()) text += "\nOptions\n";
  auto const width = [](std::string const& s) {  // code points
    return static_cast<std::size_t>(std::count_if(s.begin(), s.end(), [](char c) { return (c & 0xC0) != 0x80; }));
  };
  std::size_t column = 0;
  for (Option const& option : command.options) column = std::max(column, width(usage_of(option)));
  for (Option const& option : command.options) {
    std::string const usage = usage_of(option);
    text += "  " + usage + std::string(column - width(usage) + 3, ' ') + option.help;
    if (!option.default_value.empty()) text += " (default " + option.default_value + ")";
    text += "\n";
  }
  if (!command.examples.empty()) text += "\nExamples\n";
  for (std::string const& example : command.examples) text += "  " + example + "\n";
  return text;
}

}  // namespace bsft
