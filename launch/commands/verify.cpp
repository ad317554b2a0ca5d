// bsft verify: a run folder proves itself, or says what differs.
#include <cstdio>

#include "data/base/error.hpp"
#include "launch/commands/commands.hpp"
#include "launch/verify_run.hpp"

namespace bsft {
namespace {

int run(Arguments const& arguments) {
  RunProof const proof = verify_run(arguments.positional.at(0), arguments.text("data"));
  std::printf("%s\n", proof.table.render(TableStyle::terminal).c_str());
  std::fflush(stdout);
  if (!proof.differences.empty()) throw Findings(Exit::data, proof.differences);
  if (proof.not_proved)
    throw Unavailable(*proof.not_proved, "all else is as it should be", "name the file with --data");
  return 0;
}

}  // namespace

Command verify_command() {
  return {"verify",
          "Judge",
          "prove that a run consumed what was planned: samples, files, metrics, evaluations",
          "RUN_DIR",
          {{"data", "FILE.h5", "where the data file lies now; default: data.file of the configuration"}},
          {"bsft verify runs/quickstart", "bsft verify runs/my --data /new/place/mine.h5"},
          run};
}

}  // namespace bsft
