// Changes what a checkpoint says that it consumed, as a run would that left a sample out, repeated it, or took it in
// the step after; the manifest stays whole.
//   ledger_probe CHECKPOINT skipped|repeated|moved STEP RECORD
#include <cstdlib>
#include <string>

#include "data/base/file.hpp"
#include "trainer/checkpoint/manifest.hpp"

int main(int, char** words) {
  using namespace bsft;
  std::string const how = words[2];
  std::int64_t const step = std::atoll(words[3]), record = std::atoll(words[4]);
  Manifest manifest = read_manifest(words[1]);
  Ledger one;
  one.add(step, record);
  if (how != "repeated") manifest.consumed += {~one.low + 1, ~one.high + (one.low == 0 ? 1 : 0), -1};
  if (how == "repeated") manifest.consumed += one;
  if (how == "moved") manifest.consumed.add(step + 1, record);
  write_atomically(std::filesystem::path(words[1]) / manifest_name, to_json(manifest));
}
