// bsft: find the command, run it, say in one line what went wrong.  The only catch of the program is here.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "data/base/error.hpp"
#include "launch/commands/commands.hpp"
#include "launch/help.hpp"
#include "launch/stop_signals.hpp"
#include "launch/world.hpp"

namespace bsft {
namespace {

std::string const see_help = "all commands: bsft --help";

// The command whose name is the longest run of leading words; the words left over are its arguments.
Command const& command_of(std::vector<std::string>& words) {
  for (std::size_t count = std::min<std::size_t>(2, words.size()); count > 0; --count) {
    std::string const name = count == 2 ? words[0] + " " + words[1] : words[0];
    for (Command const& command : commands())
      if (command.name == name) {
        words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(count));
        return command;
      }
  }
  std::vector<std::string> firsts, seconds;
  for (Command const& command : commands()) {
    auto const space = command.name.find(' ');
    firsts.push_back(command.name.substr(0, space));
    if (space != std::string::npos && firsts.back() == words[0]) seconds.push_back(command.name.substr(space + 1));
  }
  std::string list;
  for (std::string const& second : seconds) list += (list.empty() ? "" : ", ") + second;
  if (!seconds.empty() && words.size() == 1)
    throw Invalid(Exit::usage, "bsft " + words[0], "a second word is missing", "one of " + list);
  std::string const near = seconds.empty() ? nearest(words[0], firsts) : words[0] + " " + nearest(words[1], seconds);
  std::string const typed = seconds.empty() ? words[0] : words[0] + " " + words[1];
  throw Invalid(Exit::usage, "unknown command '" + typed + "'",
                seconds.empty() ? "bsft has no command of this name" : "there are " + list,
                near.empty() || near.back() == ' ' ? see_help : "did you mean 'bsft " + near + "'?");
}

int print(std::string const& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw Failed(Exit::io, "cannot write to standard output");
  return 0;
}

// The help of a command, or of all commands that share a first word; empty where there is none.
std::string help_of_words(std::vector<std::string> const& words) {
  std::string text;
  for (std::size_t count = std::min<std::size_t>(2, words.size()); count > 0 && text.empty(); --count) {
    std::string const name = count == 2 ? words[0] + " " + words[1] : words[0];
    for (Command const& command : commands())
      if (command.name == name || command.name.rfind(name + " ", 0) == 0)
        text += (text.empty() ? "" : "\n") + help_of(command);
  }
  return text;
}

int help(std::vector<std::string> const& words) {
  if (words.empty()) return print(overview(commands()));
  std::vector<std::string> const topics = help_topics();
  bool const topic = words.size() == 1 && std::find(topics.begin(), topics.end(), words[0]) != topics.end();
  std::string const text = topic ? help_topic(words[0]) : help_of_words(words);
  return print(text.empty() ? help_topic(words[0]) : text);
}

int run(std::vector<std::string> words) {
  if (words.empty()) return help({});
  if (words[0] == "--version") return print(version_text());
  if (words[0] == "--help" || words[0] == "-h") return help({});
  if (words[0] == "help") return help({words.begin() + 1, words.end()});
  auto const end = std::find(words.begin(), words.end(), "--");
  if (std::any_of(words.begin(), end, [](auto const& word) { return word == "--help" || word == "-h"; })) {
    std::vector<std::string> names;
    for (auto word = words.begin(); word != end && word->rfind("-", 0) != 0; ++word) names.push_back(*word);
    if (names.empty()) return help({});
    std::string const text = help_of_words(names);
    if (!text.empty()) return print(text);
    words = names;  // an unknown command: say so
  }
  Command const& command = command_of(words);
  return command.run(parse(command, words));
}

// One line a finding.  Ranks of one job fail alike: the first speaks at once, the others only where it did not end the
// job for them within ten seconds.
int tell(std::exception const& error) {
  auto const* known = dynamic_cast<Error const*>(&error);
  Exit const code = known != nullptr ? known->code() : Exit::internal;
  std::string text;
  if (auto const* findings = dynamic_cast<Findings const*>(&error)) {
    for (std::string const& line : findings->lines()) text += "bsft: error: " + one_line(line, "", "") + "\n";
  } else if (known != nullptr) {
    text = "bsft: error: " + std::string(error.what()) + "\n";
  } else {
    std::string const what = error.what();
    text = "bsft: error: " + one_line("internal error", what.substr(0, what.find('\n')), "please report this") + "\n";
  }
  if (rank_of(this_environment()) > 0) {
    ::sleep(10);
    if (stop_signal() != 0) return static_cast<int>(code);  // the launcher ends the job
  }
  std::fputs(text.c_str(), stderr);
  return static_cast<int>(code);
}

}  // namespace
}  // namespace bsft

int main(int argc, char** argv) {
  try {
    return bsft::run(std::vector<std::string>(argv + (argc > 0), argv + argc));
  } catch (std::exception const& error) {
    return bsft::tell(error);
  }
}
