#include "launch/help.hpp"

#include <algorithm>
#include <map>

#include "data/base/error.hpp"

namespace bsft {
namespace {

char const* const exit_codes =
    "Exit codes\n"
    "   0  done\n"
    "  64  usage: the command line is wrong\n"
    "  65  data: a record, an HDF5 file or another input is damaged or refused\n"
    "  69  unavailable: a backend, device or MPI world that is not here\n"
    "  70  a fault of bsft itself: please report it\n"
    "  73  the output folder is locked by another run\n"
    "  74  input/output error after retries\n"
    "  75  asked to stop, state saved: start it again with --resume auto\n"
    "  76  the checkpoint does not match this configuration\n"
    "  78  configuration: every finding is a line FILE:LINE:COLUMN\n"
    "  86  the loss stays non-finite\n"
    "  87  a rank was lost or hangs: the line names it; start again with --resume auto\n"
    "  88  trained, but the evaluation is incomplete\n"
    "mpirun and srun change exit codes: a run also writes its own to status.json.\n";

char const* const config_text =
    "Configuration\n"
    "  A YAML file of nested keys; every key has a default except model.path and data.file.\n"
    "  All findings are printed at once, each as FILE:LINE:COLUMN, before anything starts.\n"
    "\n"
    "  bsft config keys                              every key: unit, default, range\n"
    "  bsft config keys learning                     only those whose name or text has the word\n"
    "  bsft config check --config my.yaml            is it right?\n"
    "  bsft config show --config my.yaml --set a.b=c the resolved file\n"
    "\n"
    "  --set section.key=value overrides the file and is checked in the same way; lists are written [a, b].\n"
    "  Relative paths start at the working directory; a sweep's base at the sweep's folder.\n"
    "  Names of Hugging Face, TRL, axolotl, torchtune and LLaMA-Factory are recognised and translated.\n";

char const* const environment_text =
    "Environment\n"
    "  bsft reads no settings of its own from the environment; it looks at\n"
    "  OMPI_COMM_WORLD_SIZE, PMI_SIZE, SLURM_STEP_NUM_TASKS, SLURM_NTASKS   the promised number of ranks\n"
    "  OMPI_COMM_WORLD_RANK, PMI_RANK, PMIX_RANK, SLURM_PROCID              which rank prints an error\n"
    "  OMPI_COMM_WORLD_LOCAL_RANK, MPI_LOCALRANKID, SLURM_LOCALID           its place on its host, for bsft doctor\n"
    "  PMIX_NAMESPACE, PMIX_VERSION                                         a launcher is there: ask MPI\n"
    "  OMPI_MCA_odls_base_sigkill_timeout, SLURM_JOB_ID, BSFT_LAUNCH        how long a save may take\n"
    "  NO_COLOR                                                             no colours\n"
    "  and never changes a variable of MPI, NCCL, UCX or OpenMP that you have set.\n";

std::map<std::string, std::string> const& topics() {
  static std::map<std::string, std::string> const table = {
      {"exit", exit_codes}, {"config", config_text}, {"environment", environment_text}};
  return table;
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

// The summary as far as its first semicolon or colon.
std::string short_summary(Command const& command) {
  return command.summary.substr(0, command.summary.find_first_of(";:"));
}

}  // namespace

std::string overview(std::vector<Command> const& commands) {
  std::string text = "bsft – fine-tune language models with behaviour tokens, on one core or many GPUs\n\n";
  bool const trains = std::any_of(commands.begin(), commands.end(), [](auto const& c) { return c.name == "train"; });
  if (trains)
    text +=
        "  mpirun -np 3 bsft train --config configs/quickstart.yaml      two trainers, one evaluator\n"
        "  bsft submit my.yaml --nodes 2                                 a Slurm job\n\n";
  for (char const* section : {"Prepare", "Run", "Judge", "Share"}) {
    std::vector<std::pair<std::string, std::string>> lines;  // first word, what follows
    for (Command const& command : commands) {
      if (command.section != section) continue;
      auto const space = command.name.find(' ');
      std::string const first = command.name.substr(0, space);
      std::string const rest = space == std::string::npos ? short_summary(command) : command.name.substr(space + 1);
      if (space != std::string::npos && !lines.empty() && lines.back().first == first)
        lines.back().second += ", " + rest;
      else
        lines.emplace_back(first, rest);
    }
    bool head = true;
    for (auto const& [first, rest] : lines) {
      text += padded(head ? section : "", 11) + padded(first, 11) + rest + "\n";
      head = false;
    }
  }
  std::string names;
  for (std::string const& topic : help_topics()) names += (names.empty() ? "" : ", ") + topic;
  text += padded("Help", 11) + "help TOPIC " + names + "      COMMAND --help      --version\n";
  return text;
}

std::vector<std::string> help_topics() {
  std::vector<std::string> names;
  for (auto const& [name, text] : topics()) names.push_back(name);
  return names;
}

std::string help_topic(std::string const& topic) {
  auto const found = topics().find(topic);
  if (found != topics().end()) return found->second;
  std::string const near = nearest(topic, help_topics());
  std::string names;
  for (std::string const& name : help_topics()) names += (names.empty() ? "" : ", ") + name;
  throw Invalid(Exit::usage, "unknown help topic '" + topic + "'", "there are " + names + " and every command",
                near.empty() ? "" : "did you mean " + near + "?");
}

}  // namespace bsft
