#include "launch/slurm/batch_job.hpp"

#include <algorithm>
#include <string_view>

#include "data/base/child.hpp"
#include "data/base/error.hpp"
#include "launch/slurm/bodies.hpp"

namespace bsft::slurm {

namespace fs = std::filesystem;

namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

// Options of one component of a job, a line each.
class Options {
 public:
  void add(std::string const& name, std::string const& value) {
    if (!value.empty()) text_ += "#SBATCH --" + name + "=" + option_quoted(value) + "\n";
  }
  void add(std::string const& name, std::int64_t value) {
    if (value > 0) add(name, std::to_string(value));
  }
  void line(std::string const& words) { text_ += "#SBATCH " + words + "\n"; }
  std::string const& text() const { return text_; }

 private:
  std::string text_;
};

std::int64_t signal_of(BatchJob const& job, Site const& site) {
  return job.signal_seconds > 0 && site.signal_seconds > 0 ? site.signal_seconds : job.signal_seconds;
}

std::string options_of(BatchJob const& job, Site const& site) {
  Options options;
  options.add("job-name", name_of(job));
  options.add("account", site.account);
  options.add("partition", site.partition);
  options.add("time", site.time);
  options.add("nodes", site.nodes);
  options.add("ntasks-per-node", site.tasks_of_node());
  options.add("cpus-per-task", site.cpus_per_task);
  options.add("gpus-per-node", site.gpus_per_node);
  if (job.words.size() > 1)
    options.add("array", "0-" + std::to_string(job.words.size() - 1) + "%" + std::to_string(site.array_parallelism));
  options.add("dependency", job.after);
  if (std::int64_t const signal = signal_of(job, site); signal > 0)
    options.add("signal", "B:USR1@" + std::to_string(signal));
  options.line("--requeue");
  options.line("--open-mode=append");
  options.add("output", log_file(job).string());
  if (!site.mail_user.empty()) options.add("mail-type", "END,FAIL,REQUEUE");
  options.add("mail-user", site.mail_user);
  for (std::string const& word : site.sbatch_args) options.line(option_quoted(word));
  if (job.evaluators == 0) return options.text();
  options.line("hetjob");
  options.add("account", site.account);
  options.add("partition", site.evaluator_partition.empty() ? site.partition : site.evaluator_partition);
  options.add("time", site.time);
  options.add("nodes", 1);
  options.add("ntasks-per-node", job.evaluators);
  options.add("cpus-per-task", site.cpus_per_task);
  options.add("gpus-per-node", site.evaluator_gpus);
  options.line("--requeue");
  return options.text();
}

std::string quoted(std::vector<std::string> const& words) {
  std::string text;
  for (std::string const& word : words) text += " " + shell_quoted(word);
  return text;
}

std::string words_of(BatchJob const& job) {
  if (job.words.size() == 1) return "set --" + quoted(job.words.front()) + "\n";
  std::string text = "case ${SLURM_ARRAY_TASK_ID:?this is a job array} in\n";
  for (std::size_t task = 0; task < job.words.size(); ++task)
    text += "  " + std::to_string(task) + ") set --" + quoted(job.words[task]) + " ;;\n";
  return text + "esac\n";
}

std::string settings_of(Site const& site) {
  std::string text;
  for (std::string const& line : site.setup) text += line + "\n";
  for (std::string const& module : site.modules) text += "module load " + shell_quoted(module) + " || exit 69\n";
  text += "BSFT=" + shell_quoted(this_program().string()) + "\n";
  text += "BSFT_DIR=" + shell_quoted(fs::current_path().string()) + "\n";
  if (site.mpi != "auto") text += "BSFT_MPI=" + shell_quoted(site.mpi) + "\n";
  if (!site.srun_args.empty()) text += "srun_args=(" + quoted(site.srun_args).substr(1) + ")\n";
  return text;
}

// As Slurm replaces % in the name of a log.
std::string pattern_quoted(std::string const& path) {
  std::string text;
  for (char const c : path) text += c == '%' ? "%%" : std::string(1, c);
  return text;
}

}  // namespace

std::string name_of(BatchJob const& job) {
  std::string name = job.name;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !is_word(c); }, '_');
  return name;
}

fs::path script_file(BatchJob const& job) { return fs::absolute(job.folder) / (name_of(job) + ".sbatch"); }

fs::path log_file(BatchJob const& job) {
  return pattern_quoted(fs::absolute(job.folder).string()) + "/" + name_of(job) +
         (job.words.size() > 1 ? "-%A_%a.out" : "-%j.out");
}

Site alone(Site site) {
  site.nodes = site.tasks_per_node = 1;
  site.gpus_per_node = 0;
  return site;
}

std::string script_of(BatchJob const& job, Site const& site) {
  ensure(!job.words.empty(), "a batch job has words");
  std::string const folder = fs::absolute(job.folder).string();
  if (std::any_of(folder.begin(), folder.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f || c == '\\'; }))
    throw Invalid(Exit::usage, "a job's log cannot be in " + folder,
                  "Slurm takes no backslash or control character in its name", "set another run.dir");
  if (auto const limit = site.limit_seconds(); limit && *limit <= signal_of(job, site))
    throw Invalid(Exit::usage, "a job of time " + site.time,
                  "it is told to save " + std::to_string(signal_of(job, site)) + " s before its end",
                  "ask for more time");
  std::string const body = job.body == Body::train   ? std::string(train_body)
                           : job.body == Body::sweep ? std::string(sweep_body)
                                                     : "cd \"$BSFT_DIR\" || exit 74\nexec \"$BSFT\" \"$@\"\n";
  return "#!/usr/bin/env bash\n# Written by bsft submit; sbatch with this file starts it again.\n" +
         options_of(job, site) + settings_of(site) + words_of(job) + body;
}

std::string shell_quoted(std::string const& word) {
  std::string text = "'";
  for (char const c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
  return text + "'";
}

std::string option_quoted(std::string const& value) {
  auto const plain = [](char c) { return is_word(c) || std::string_view("/:@,+=%").find(c) != std::string_view::npos; };
  if (std::all_of(value.begin(), value.end(), plain)) return value;
  std::string text = "'";
  for (char const c : value) text += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return text + "'";
}

}  // namespace bsft::slurm
