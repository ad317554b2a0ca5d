#include "launch/stop_request.hpp"

#include "data/base/error.hpp"
#include "launch/stop_signals.hpp"
#include "trainer/comm/control_channel.hpp"

namespace bsft {

bool StopRequest::asked() {
  if (signal_ == 0) signal_ = stop_signal();
  ControlChannel* const channel = job_.channel();
  if (channel == nullptr || (job_.rank() == 0 && signal_ != 0)) return signal_ != 0;
  if (job_.rank() == 0) {
    if (auto const theirs = channel->poll(ControlChannel::stop)) signal_ = static_cast<int>(*theirs);
  } else if (signal_ != 0 && !told_) {
    told_ = true;
    channel->send(0, ControlChannel::stop, signal_);
  }
  return signal_ != 0;
}

void StopRequest::leave_before_the_first_step() {
  if (stop_signal() != 0) throw Error(Exit::start_again, line("stopped before the first step"));
}

std::string StopRequest::line(std::string const& done) {
  asked();
  return done + ", asked to stop by " + name_of_signal(signal_) + ": start again with --resume auto";
}

}  // namespace bsft
