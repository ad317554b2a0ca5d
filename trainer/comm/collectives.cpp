#include "trainer/comm/collectives.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include "data/base/error.hpp"
#include "trainer/comm/host_verbs.hpp"
#include "trainer/comm/tree_sum.hpp"
#include "trainer/comm/work_queue.hpp"

namespace bsft {

Part part_of(std::int64_t n, int rank, int size, std::int64_t grain) {
  std::int64_t const grains = (n + grain - 1) / grain;
  auto const cut = [&](std::int64_t r) { return std::min(n, r * grains / size * grain); };
  return {cut(rank), cut(rank + std::int64_t{1})};
}

namespace {

at::Tensor slice(at::Tensor const& x, Part part) { return x.narrow(0, part.begin, part.end - part.begin); }

// What a verb does on its link, one verb at a time.
class Verbs {
 public:
  Verbs(std::unique_ptr<Link> link, Reduction reduction, std::int64_t segment_bytes)
      : link_(std::move(link)),
        rank_(link_->rank()),
        size_(link_->size()),
        reduction_(reduction),
        segment_bytes_(segment_bytes) {}

  Link& link() const { return *link_; }

  // From any thread.
  void stop() {
    stopped_ = true;
    link_->stop();
  }

  void all_reduce(at::Tensor const& x) {
    if (size_ == 1) return;
    if (reduction_ == Reduction::exact && on_one_host()) return host_->all_reduce(x);
    std::int64_t const segment = std::max<std::int64_t>(1, segment_bytes_ / static_cast<std::int64_t>(x.itemsize()));
    for (std::int64_t begin = 0; begin < x.numel(); begin += segment) {
      at::Tensor const some = x.narrow(0, begin, std::min(segment, x.numel() - begin));
      if (reduction_ == Reduction::fast && link_->sum(some)) continue;
      reduce_scatter(some, part_grain);
      all_gather(some, part_grain);
    }
  }

  void reduce_scatter(at::Tensor const& x, std::int64_t grain) {
    if (size_ == 1) return;
    if (on_one_host()) return host_->reduce_scatter(x, grain);
    Part const mine = part_of(x.numel(), rank_, size_, grain);
    std::int64_t const n = mine.end - mine.begin;
    at::Tensor const received = inbox(n * size_, x.options());
    std::vector<at::Tensor> terms;  // [W], by rank
    for (int r = 0; r < size_; ++r) terms.push_back(r == rank_ ? slice(x, mine) : received.narrow(0, r * n, n));
    with_others([&](int r) { return slice(x, part_of(x.numel(), r, size_, grain)); },
                [&](int r) { return terms[static_cast<std::size_t>(r)]; });
    sum_of(terms);
  }

  void all_gather(at::Tensor const& x, std::int64_t grain) {
    if (size_ == 1) return;
    if (on_one_host()) return host_->all_gather(x, grain);
    with_others([&](int) { return slice(x, part_of(x.numel(), rank_, size_, grain)); },
                [&](int r) { return slice(x, part_of(x.numel(), r, size_, grain)); });
  }

  void all_to_all(at::Tensor const& to, at::Tensor const& from) {
    to[rank_].copy_(from[rank_]);
    with_others([&](int r) { return from[r]; }, [&](int r) { return to[r]; });
  }

  void broadcast(at::Tensor const& x, int root) {
    int const place = (rank_ - root + size_) % size_;  // who holds x: the places below `holders`
    for (int holders = 1; holders < size_; holders *= 2) {
      std::vector<Message> out, in;
      if (place < holders && place + holders < size_) out.push_back({(rank_ + holders) % size_, x});
      if (place >= holders && place < 2 * holders) in.push_back({(rank_ - holders + size_) % size_, x});
      link_->move(out, in);
    }
  }

  std::vector<std::string> exchange(std::string const& bytes) {
    at::Tensor const lengths = at::empty({size_}, at::kLong);
    auto* const length = lengths.data_ptr<std::int64_t>();
    length[rank_] = static_cast<std::int64_t>(bytes.size());
    with_others([&](int) { return lengths.narrow(0, rank_, 1); }, [&](int r) { return lengths.narrow(0, r, 1); });
    std::vector<std::string> all(static_cast<std::size_t>(size_));
    for (int r = 0; r < size_; ++r) all[static_cast<std::size_t>(r)].resize(static_cast<std::size_t>(length[r]));
    all[static_cast<std::size_t>(rank_)] = bytes;
    auto const view = [&](int r) {
      std::string& text = all[static_cast<std::size_t>(r)];
      return at::from_blob(text.data(), {static_cast<std::int64_t>(text.size())}, at::kByte);
    };
    with_others([&](int) { return view(rank_); }, view);
    return all;
  }

 private:
  // To every other rank what give(rank) is, from it into what take(rank) is.
  template <class Give, class Take>
  void with_others(Give give, Take take) {
    std::vector<Message> out, in;
    for (int r = 0; r < size_; ++r) {
      if (r == rank_) continue;
      out.push_back({r, give(r)});
      in.push_back({r, take(r)});
    }
    link_->move(out, in);
  }

  // terms[rank_] becomes the sum of all, by rank.
  void sum_of(std::vector<at::Tensor> const& terms) const {
    at::Tensor const& mine = terms[static_cast<std::size_t>(rank_)];
    if (!mine.is_cpu()) {
      at::Tensor const all = tree(terms, 0, size_);
      if (!all.is_same(mine)) mine.copy_(all);
    } else if (mine.scalar_type() == at::kFloat) {
      sum_on_host<float>(terms);
    } else {
      sum_on_host<double>(terms);
    }
  }

  template <class Real>
  void sum_on_host(std::vector<at::Tensor> const& terms) const {
    std::vector<Real const*> data;
    for (at::Tensor const& term : terms) data.push_back(term.const_data_ptr<Real>());
    at::Tensor const& mine = terms[static_cast<std::size_t>(rank_)];
    TreeSum<Real>(data).into(mine.data_ptr<Real>(), mine.numel());
  }

  // The sum of ranks [begin, end), in the first of them.
  static at::Tensor tree(std::vector<at::Tensor> const& terms, int begin, int end) {
    at::Tensor first = terms[static_cast<std::size_t>(begin)];
    if (end - begin == 1) return first;
    int const middle = begin + left_of(end - begin);
    tree(terms, begin, middle);
    return first.add_(tree(terms, middle, end));
  }

  // Whether all ranks see memory of one host; asked when the first sum or gather comes.
  bool on_one_host() {
    if (!asked_ && link_->may_share_memory())
      host_ = HostVerbs::open(rank_, size_, std::min(segment_bytes_, host_segment_bytes), stopped_,
                              [this](std::string const& bytes) { return exchange(bytes); });
    asked_ = true;
    return host_ != nullptr;
  }

  at::Tensor inbox(std::int64_t n, at::TensorOptions const& options) {
    auto const bytes = n * static_cast<std::int64_t>(options.dtype().itemsize());
    if (!inbox_.defined() || inbox_.numel() < bytes || inbox_.device() != options.device())
      inbox_ = at::empty({bytes}, options.dtype(at::kByte));
    return inbox_.narrow(0, 0, bytes).view(at::typeMetaToScalarType(options.dtype()));
  }

  std::unique_ptr<Link> link_;
  int rank_, size_;
  Reduction reduction_;
  std::int64_t segment_bytes_;
  at::Tensor inbox_;
  std::atomic<bool> stopped_{false};
  bool asked_ = false;
  std::unique_ptr<HostVerbs> host_;
};

class Collectives final : public Communicator {
 public:
  Collectives(std::unique_ptr<Link> link, Reduction reduction, Progress progress, std::int64_t segment_bytes,
              FlightRecorder* recorder)
      : verbs_(std::move(link), reduction, segment_bytes),
        rank_(verbs_.link().rank()),
        size_(verbs_.link().size()),
        reduction_(reduction),
        progress_(progress),
        segment_bytes_(segment_bytes),
        recorder_(recorder),
        number_(recorder != nullptr ? recorder->add_communicator() : 0),
        queue_(progress == Progress::background && size_ > 1) {
    if (reduction == Reduction::exact && (size_ & (size_ - 1)) != 0) {
      throw Invalid(Exit::config, "parallel.reduction: exact over " + std::to_string(size_) + " trainer ranks",
                    "its tree needs a power of two",
                    "start 1, 2, 4, 8 … trainer ranks, or set parallel.reduction: fast");
    }
  }

  ~Collectives() override { verbs_.stop(); }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::string backend() const override { return verbs_.link().name(); }

  Pending all_reduce(at::Tensor x) override {
    check_sum(x);
    return run(Verb::all_reduce, x, [this](at::Tensor const& flat) { verbs_.all_reduce(flat); });
  }
  Pending reduce_scatter(at::Tensor x, std::int64_t grain) override {
    check_sum(x);
    return run(Verb::reduce_scatter, x, [this, grain](at::Tensor const& flat) { verbs_.reduce_scatter(flat, grain); });
  }
  Pending all_gather(at::Tensor x, std::int64_t grain) override {
    return run(Verb::all_gather, x, [this, grain](at::Tensor const& flat) { verbs_.all_gather(flat, grain); });
  }
  Pending broadcast(at::Tensor x, int root) override {
    return run(Verb::broadcast, x, [this, root](at::Tensor const& flat) { verbs_.broadcast(flat, root); });
  }
  Pending all_to_all(at::Tensor to, at::Tensor from) override {
    ensure(to.sizes() == from.sizes() && to.size(0) == size_ && from.is_contiguous(), "a row for each rank");
    return run(Verb::all_to_all, to,
               [this, from](at::Tensor const& flat) { verbs_.all_to_all(flat.view(from.sizes()), from); });
  }
  std::vector<std::string> exchange(std::string const& bytes) override {
    std::vector<std::string> all;
    queue_.add([&] { noted(Verb::exchange, 0, [&] { all = verbs_.exchange(bytes); }); }).wait();
    return all;
  }
  void barrier() override { exchange(""); }

  std::unique_ptr<Communicator> split(int color) override {
    std::unique_ptr<Link> link;
    queue_.add([&] { noted(Verb::split, 0, [&] { link = verbs_.link().split(color); }); }).wait();
    if (!link) return nullptr;
    FlightRecorder* const recorder =
        link->size() == size_ ? recorder_ : nullptr;  // all are in it, so all note the same
    return std::make_unique<Collectives>(std::move(link), reduction_, progress_, segment_bytes_, recorder);
  }

 private:
  static void check_sum(at::Tensor const& x) {
    ensure(x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble, "sums are of fp32 or fp64");
  }
  template <class F>
  void noted(Verb verb, std::int64_t bytes, F f) {
    if (recorder_ == nullptr) return f();
    recorder_->carry_out(number_, verb, bytes, f);
  }
  template <class F>
  Pending run(Verb verb, at::Tensor const& x, F f) {
    ensure(x.is_contiguous(), "ranks exchange contiguous tensors");
    if (x.numel() == 0) return Pending();
    return queue_.add([this, verb, f, flat = x.detach().view({-1})] {
      at::NoGradGuard const no_grad;
      noted(verb, static_cast<std::int64_t>(flat.nbytes()), [&] { f(flat); });
    });
  }

  Verbs verbs_;
  int rank_, size_;
  Reduction reduction_;
  Progress progress_;
  std::int64_t segment_bytes_;
  FlightRecorder* recorder_;
  int number_;       // of this group, in the recorder
  WorkQueue queue_;  // ends first
};

}  // namespace

std::unique_ptr<Communicator> collectives(std::unique_ptr<Link> link, Reduction reduction, Progress progress,
                                          std::int64_t segment_bytes, FlightRecorder* recorder) {
  return std::make_unique<Collectives>(std::move(link), reduction, progress, segment_bytes, recorder);
}

}  // namespace bsft
