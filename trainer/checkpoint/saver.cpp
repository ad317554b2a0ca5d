#include "trainer/checkpoint/saver.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "data/base/json.hpp"

namespace bsft {
namespace {

std::string to_text(FileEntries const& entries) {
  OrderedJson json = OrderedJson::object();
  for (auto const& [name, entry] : entries) json[name] = {entry.bytes, entry.sha256};
  return json.dump();
}

void add(std::string const& text, FileEntries& entries) {
  Json const json = Json::parse(text);
  for (auto const& [name, entry] : json.items())
    entries[name] = {entry.at(0).get<std::int64_t>(), entry.at(1).get<std::string>()};
}

// "74 what failed"
void read_end(std::string const& text, SaveOutcome& outcome) {
  outcome.code = static_cast<Exit>(std::stoi(text));
  outcome.error = text.substr(text.find(' ') + 1);
}

constexpr char failed = '!', fine = '.';  // before what a rank has to say

}  // namespace

Saver::Saver(Communicator& group, CheckpointWriter writer, std::filesystem::path run_dir, Retention keep)
    : group_(group), writer_(std::move(writer)), run_dir_(std::move(run_dir)), keep_(keep) {}

Saver::~Saver() = default;  // the threads are asked to stop, and joined

void Saver::begin(Manifest manifest, std::vector<StagedFile> files) {
  ensure(!under_way(), "one save at a time");
  manifest_ = std::move(manifest);
  part_ = Part::writing;
  writing_ = std::jthread([this, files = std::move(files)](std::stop_token const& stop) {
    try {
      entries_ = writer_.write(manifest_.step, files, stop);
      part_ = Part::written;
    } catch (Error const& error) {
      fail(error.code(), error.what());
    } catch (std::exception const& error) {
      fail(Exit::internal, error.what());
    }
  });
}

void Saver::fail(Exit code, std::string const& error) {
  error_ = std::to_string(static_cast<int>(code)) + " " + error;
  part_ = Part::failed;
}

SaveOutcome Saver::finish() {
  ensure(under_way(), "a save is under way");
  writing_.join();
  bool const written = part_ == Part::written;
  std::vector<std::string> const parts = group_.exchange(written ? fine + to_text(entries_) : failed + error_);
  SaveOutcome outcome;
  outcome.step = manifest_.step;
  for (std::string const& part : parts) {
    if (part.front() != failed || outcome.code != Exit::done) continue;
    read_end(part.substr(1), outcome);
  }
  if (group_.rank() == 0) commit(parts, outcome);
  // How the commit ended, for the ranks that did not see it.
  read_end(group_.exchange(std::to_string(static_cast<int>(outcome.code)) + " " + outcome.error).front(), outcome);
  part_ = Part::none;
  return outcome;
}

bool Saver::all_wrote_within(double seconds) {
  auto const end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (part_ == Part::writing && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  auto const all = group_.exchange(part_ == Part::writing ? "writing" : "");
  return std::all_of(all.begin(), all.end(), [](std::string const& one) { return one.empty(); });
}

void Saver::commit(std::vector<std::string> const& parts, SaveOutcome& outcome) {
  auto const ends = [&](Exit code, std::string const& error) {
    outcome.code = code;
    outcome.error = error;
  };
  if (outcome.code == Exit::done) {
    try {
      for (std::string const& part : parts) add(part.substr(1), manifest_.files);
      outcome.warning = writer_.commit(manifest_);
    } catch (Error const& error) {
      ends(error.code(), error.what());
    } catch (std::exception const& error) {
      ends(Exit::internal, error.what());
    }
  }
  if (outcome.code != Exit::done) return writer_.discard(manifest_.step);
  wait_for_removal();
  removing_ = std::jthread([run_dir = run_dir_, keep = keep_] { remove_old(run_dir, keep); });
}

void Saver::wait_for_removal() {
  if (removing_.joinable()) removing_.join();
}

}  // namespace bsft
