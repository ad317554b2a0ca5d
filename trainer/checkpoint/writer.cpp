#include "trainer/checkpoint/writer.hpp"

#include <utility>
#include <vector>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/safetensors.hpp"
#include "trainer/checkpoint/layout.hpp"
#include "trainer/checkpoint/retention.hpp"
#include "trainer/checkpoint/training_state.hpp"
#include "trainer/model/export.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

void check_space(fs::path const& folder, Decoder const& decoder) {
  std::int64_t bytes = 0;
  for (Parameter const& p : decoder.parameters()) bytes += p.value.numel() * (p.trainable ? 12 : 4);
  auto const needed = static_cast<std::uintmax_t>(room_for(bytes));
  std::uintmax_t const free = fs::space(folder).available;
  if (free < needed) {
    throw Failed(Exit::io, "no room for a checkpoint in " + folder.string(),
                 std::to_string(needed >> 20) + " MiB needed, " + std::to_string(free >> 20) + " MiB free",
                 "free some, or lower checkpoint.keep, and start again with --resume auto");
  }
}

void write_model(Decoder const& decoder, fs::path const& file) {
  std::vector<ExportedTensor> const tensors = exported_tensors(decoder);
  std::vector<TensorView> views;
  for (ExportedTensor const& tensor : tensors) views.push_back(tensor.view());
  write_safetensors(file, views, {{"format", "pt"}});
}

}  // namespace

CheckpointWriter::CheckpointWriter(fs::path run_dir, fs::path source, BehaviorMap behaviors, std::string config,
                                   std::int64_t keep, std::function<void(std::string const&)> after)
    : run_dir_(std::move(run_dir)),
      source_(std::move(source)),
      behaviors_(std::move(behaviors)),
      config_(std::move(config)),
      keep_(keep),
      after_(std::move(after)) {}

void CheckpointWriter::passed(std::string const& place) const {
  if (after_) after_(place);
}

void CheckpointWriter::fill(fs::path const& folder, Manifest& manifest, Decoder const& decoder,
                            Moments const& moments) {
  export_folder(decoder, behaviors_, source_, folder);
  passed("export");
  write_model(decoder, folder / "model.safetensors");
  passed("model");
  write_training_state(decoder, moments, folder / training_state_name);
  passed("state");
  write_atomically(folder / "training_config.yaml", config_);
  passed("config");
  for (fs::directory_entry const& entry : fs::directory_iterator(folder)) {
    sync_path(entry.path());
    manifest.files[entry.path().filename().string()] = describe(entry.path());
  }
  write_atomically(folder / manifest_name, to_json(manifest));
  sync_path(folder);
  passed("manifest");
}

fs::path CheckpointWriter::write(Manifest manifest, Decoder const& decoder, Moments const& moments) {
  fs::path const target = checkpoint_of(run_dir_, manifest.step);
  if (fs::exists(target / manifest_name)) return target;
  fs::path const parent = checkpoints_of(run_dir_);
  fs::path const temporary = parent / (".tmp-" + step_name(manifest.step));
  try {
    fs::create_directories(parent / ".leases");
    check_space(parent, decoder);
    fs::remove_all(temporary);
    fs::create_directory(temporary);
    fill(temporary, manifest, decoder, moments);
    fs::rename(temporary, target);
  } catch (fs::filesystem_error const& error) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw Failed(Exit::io, "cannot write " + target.string(), error.code().message(),
                 "check the disk, then start again with --resume auto");
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw;
  }
  sync_path(parent);
  passed("rename");
  write_atomically(run_dir_ / "LATEST", step_name(manifest.step) + "\n");
  passed("latest");
  remove_old(run_dir_, keep_);
  return target;
}

void sweep_unfinished(fs::path const& run_dir) {
  std::error_code error;
  std::vector<fs::path> left;
  for (fs::directory_iterator entry(checkpoints_of(run_dir), error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().filename().string().rfind(".tmp-step-", 0) == 0) left.push_back(entry->path());
  }
  for (fs::path const& folder : left) fs::remove_all(folder);
}

}  // namespace bsft
