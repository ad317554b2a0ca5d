#include "data/feed/ledger.hpp"

#include <charconv>
#include <cstdio>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"

namespace bsft {

void Ledger::add(std::int64_t step, std::int64_t record) {
  auto const [hash_low, hash_high] = mix128(static_cast<std::uint64_t>(step), static_cast<std::uint64_t>(record));
  *this += {hash_low, hash_high, 1};
}

Ledger& Ledger::operator+=(Ledger const& other) {
  low += other.low;
  high += other.high + (low < other.low ? 1 : 0);
  samples += other.samples;
  return *this;
}

std::string Ledger::digest() const {
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(high),
                static_cast<unsigned long long>(low));
  return text;
}

Ledger::Limbs Ledger::limbs() const {
  auto const limb = [](std::uint64_t word) { return static_cast<double>(word & 0xffffffffU); };
  return {limb(low), limb(low >> 32), limb(high), limb(high >> 32)};
}

Ledger Ledger::of(Limbs const& sums, std::int64_t samples) {
  auto const sum = [&](std::size_t i) { return static_cast<std::uint64_t>(sums[i]); };
  Ledger ledger{sum(0), sum(2), samples};
  ledger += {sum(1) << 32, (sum(1) >> 32) + (sum(3) << 32), 0};
  return ledger;
}

std::optional<Ledger> Ledger::of(std::string const& digest, std::int64_t samples) {
  if (digest.size() != 32) return std::nullopt;
  Ledger ledger{0, 0, samples};
  char const* const begin = digest.data();
  auto const high = std::from_chars(begin, begin + 16, ledger.high, 16);
  auto const low = std::from_chars(begin + 16, begin + 32, ledger.low, 16);
  bool const whole = high.ec == std::errc() && high.ptr == begin + 16 && low.ec == std::errc() && low.ptr == begin + 32;
  return whole ? std::optional(ledger) : std::nullopt;
}

Ledger const& PlannedSamples::up_to(std::int64_t steps) {
  ensure(steps >= done_, "a plan is asked for in the order of steps");
  for (; done_ < steps; ++done_) {
    std::int64_t const epoch = done_ / order_.steps_per_epoch();
    if (epoch != epoch_) units_ = order_.epoch(epoch_ = epoch);
    auto const [begin, end] = order_.units_of(done_);
    for (std::int64_t u = begin; u < end; ++u) {
      for (std::int64_t const record : units_[static_cast<std::size_t>(u)]) sum_.add(done_, record);
    }
  }
  return sum_;
}

}  // namespace bsft
