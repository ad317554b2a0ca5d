#include "trainer/checkpoint/reader.hpp"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <thread>
#include <vector>

#include "data/base/error.hpp"
#include "trainer/checkpoint/layout.hpp"
#include "trainer/checkpoint/state_shards.hpp"
#include "trainer/model/weights.hpp"

namespace bsft {

namespace fs = std::filesystem;

namespace {

fs::path free_name(std::string const& wanted) {
  std::error_code error;
  fs::path name = wanted;
  for (int i = 2; fs::exists(fs::symlink_status(name, error)); ++i) name = wanted + "-" + std::to_string(i);
  return name;
}

Tries tries_in(fs::path const& folder) {
  struct statfs info {};
  return ::statfs(folder.c_str(), &info) == 0 ? tries_on(info.f_type) : Tries{};
}

FoundCheckpoint open_at_last(fs::path const& folder, Tries const& tries) {
  for (int t = 1;; ++t) {
    try {
      return open_checkpoint(folder);
    } catch (Error const&) {  // damage, or a handle that has gone stale
      if (t >= tries.most) throw;
    }
    std::this_thread::sleep_for(tries.pause);
  }
}

}  // namespace

Tries tries_on(long file_system) {
  constexpr Tries patient{5, std::chrono::milliseconds(2500)};
  switch (static_cast<unsigned long>(file_system) & 0xffffffffUL) {
    case NFS_SUPER_MAGIC:
    case SMB2_SUPER_MAGIC:
    case CIFS_SUPER_MAGIC:
    case FUSE_SUPER_MAGIC:
      return patient;
    default:
      return {};
  }
}

FoundCheckpoint open_checkpoint(fs::path const& folder) {
  FoundCheckpoint found{folder, read_manifest(folder)};
  verify(found.manifest, folder);
  return found;
}

std::optional<FoundCheckpoint> find_checkpoint(fs::path const& run_dir,
                                               std::function<void(std::string const&)> const& warn,
                                               std::optional<Tries> tries) {
  std::vector<std::int64_t> const steps = published_in_order(run_dir);
  if (steps.empty() && !has_corrupt(run_dir)) return std::nullopt;
  Tries const patience = tries ? *tries : tries_in(run_dir);
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    fs::path const folder = checkpoint_of(run_dir, *step);
    try {
      return open_at_last(folder, patience);
    } catch (Broken const& damage) {
      fs::path const aside = free_name(folder.string() + ".corrupt");
      std::error_code error;
      fs::rename(folder, aside, error);
      warn(std::string(damage.what()) + "; kept as " + aside.filename().string());
    }
  }
  throw Broken("no whole checkpoint in " + checkpoints_of(run_dir).string(),
               steps.empty() ? "damaged ones alone are left" : std::to_string(steps.size()) + " are there, all damaged",
               "start a new run in another run.dir");
}

void restore(FoundCheckpoint const& found, Decoder& decoder, Optimizer& optimizer, Filled const& filled) {
  load_weights(decoder, found.folder, filled);
  read_state(decoder, optimizer, found.folder, found.manifest.shards);
  optimizer.set_updates(found.manifest.updates);
}

}  // namespace bsft
