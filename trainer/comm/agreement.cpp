#include "trainer/comm/agreement.hpp"

#include <string>

namespace bsft {

void together(Communicator& group, std::function<void()> const& work) {
  std::string mine;  // "code line", empty: done
  auto const failed = [&mine](Exit code, std::string const& line) {
    mine = std::to_string(static_cast<int>(code)) + " " + line;
  };
  try {
    work();
  } catch (Error const& error) {
    failed(error.code(), error.what());
  } catch (std::exception const& error) {
    failed(Exit::internal, error.what());
  }
  for (std::string const& theirs : group.all_gather(mine)) {
    if (theirs.empty()) continue;
    std::size_t const space = theirs.find(' ');
    throw Told(static_cast<Exit>(std::stoi(theirs)), theirs.substr(space + 1));
  }
}

}  // namespace bsft
