#include "trainer/comm/agreement.hpp"

#include <sstream>
#include <string>
#include <vector>

namespace bsft {

void together(Communicator& group, std::function<void()> const& work) {
  std::string mine;  // the exit code and the lines, one a line; empty: done
  auto const failed = [&mine](Exit code, std::string const& lines) {
    mine = std::to_string(static_cast<int>(code)) + "\n" + lines;
  };
  try {
    work();
  } catch (Findings const& findings) {
    std::string lines;
    for (std::string const& line : findings.lines()) lines += (lines.empty() ? "" : "\n") + line;
    failed(findings.code(), lines);
  } catch (Error const& error) {
    failed(error.code(), error.what());
  } catch (std::exception const& error) {
    std::string const words = error.what();
    failed(Exit::internal, words.substr(0, words.find('\n')));
  }
  for (std::string const& theirs : group.exchange(mine)) {
    if (theirs.empty()) continue;
    std::istringstream text(theirs);
    std::string line;
    std::getline(text, line);
    auto const code = static_cast<Exit>(std::stoi(line));
    std::vector<std::string> lines;
    while (std::getline(text, line)) lines.push_back(line);
    throw Told(code, lines);
  }
}

}  // namespace bsft
