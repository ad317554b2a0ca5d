#include "trainer/report/progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace bsft {
namespace {

std::string formatted(char const* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

}  // namespace

ProgressStyle progress_style(std::string const& level, std::FILE* stream) {
  if (level == "quiet") return ProgressStyle::quiet;
  return ::isatty(::fileno(stream)) != 0 ? ProgressStyle::bar : ProgressStyle::plain;
}

std::string clock_text(double seconds) {
  auto const all = static_cast<std::int64_t>(std::llround(std::clamp(seconds, 0.0, 1e9)));
  char text[40];
  if (all >= 3600) {
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", static_cast<long long>(all / 3600),
                  static_cast<long long>(all / 60 % 60), static_cast<long long>(all % 60));
  } else {
    std::snprintf(text, sizeof text, "%lld:%02lld", static_cast<long long>(all / 60), static_cast<long long>(all % 60));
  }
  return text;
}

std::string grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > (number < 0 ? 1 : 0); at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

Progress::Progress(std::int64_t from, std::int64_t total, std::int64_t every, ProgressStyle style, std::FILE* stream)
    : total_(total), every_(std::max<std::int64_t>(every, 1)), style_(style), stream_(stream), last_(Clock::now()) {
  if (from > 0 && style_ != ProgressStyle::quiet) {
    say("going on after step " + std::to_string(from) + " of " + std::to_string(total));
  }
}

Progress::~Progress() {
  if (on_screen_) std::fputc('\n', stream_);
}

void Progress::clear() {
  if (on_screen_) std::fputs("\r\033[K", stream_);
  on_screen_ = false;
}

void Progress::say(std::string const& line) {
  if (style_ == ProgressStyle::quiet) return;
  clear();
  std::fprintf(stream_, "%s\n", line.c_str());
  std::fflush(stream_);
}

std::string Progress::text(StepMetrics const& m, double left) const {
  ChannelMetrics const& behavior = m.channels[static_cast<std::size_t>(Channel::behavior)];
  std::string line =
      "step " + std::to_string(m.step) + "/" + std::to_string(total_) + "  loss " + formatted("%.4f", m.loss);
  if (behavior.rows > 0) line += "  behaviour " + formatted("%.2f", behavior.accuracy);
  line += "  " + grouped(std::llround(tokens_a_second_)) + " tokens/s  lr " + formatted("%.1e", m.learning_rate);
  return line + "  left " + clock_text(left);
}

void Progress::step(StepMetrics const& metrics) {
  if (style_ == ProgressStyle::quiet) return;
  Clock::time_point const now = Clock::now();
  double const seconds = std::chrono::duration<double>(now - last_).count();
  last_ = now;
  double const share = seconds_a_step_ == 0 ? 1.0 : 0.05;
  seconds_a_step_ += share * (seconds - seconds_a_step_);
  tokens_a_second_ += share * (metrics.tokens_per_second - tokens_a_second_);
  double const left = seconds_a_step_ * static_cast<double>(total_ - metrics.step);
  bool const last = metrics.step == total_;
  if (style_ == ProgressStyle::plain) {
    if (metrics.step % every_ == 0 || metrics.step == 1 || last) say(text(metrics, left));
    return;
  }
  if (!last && now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  winsize size{};
  std::size_t const columns = ::ioctl(::fileno(stream_), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  constexpr std::size_t width = 16;
  auto const filled = static_cast<std::size_t>(width * metrics.step / std::max<std::int64_t>(total_, 1));
  std::string line = "[" + std::string(filled, '=') + std::string(width - filled, ' ') + "] " + text(metrics, left);
  line.resize(std::min(line.size(), columns - 1));
  std::fprintf(stream_, "\r\033[K%s", line.c_str());
  std::fflush(stream_);
  on_screen_ = true;
}

}  // namespace bsft
