#include "trainer/comm/mpi.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "data/base/error.hpp"

namespace bsft {

void check_mpi(int code, char const* call) {
  if (code == MPI_SUCCESS) return;
  char words[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, words, &length);
  throw Failed(Exit::peer_lost, call, std::string(words, static_cast<std::size_t>(length)),
               "look for the first rank that failed, then start again with --resume auto");
}

namespace {

int counted(std::int64_t n) {
  ensure(n >= 0 && n <= std::numeric_limits<int>::max(), "a message has at most 2^31 - 1 elements");
  return static_cast<int>(n);
}

MPI_Datatype type_of(at::Tensor const& tensor) {
  ensure(tensor.is_contiguous() && tensor.device().is_cpu(), "MPI carries contiguous host tensors");
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return MPI_FLOAT;
    case at::kDouble:
      return MPI_DOUBLE;
    case at::kLong:
      return MPI_INT64_T;
    case at::kByte:
      return MPI_BYTE;
    default:
      throw Error(Exit::internal, "a tensor of type " + std::string(at::toString(tensor.scalar_type())),
                  "ranks exchange fp32, fp64, int64 and bytes");
  }
}

class MpiCommunicator final : public Communicator {
 public:
  MpiCommunicator(MPI_Comm group, Reduction reduction, std::int64_t segment_bytes)
      : group_(group), reduction_(reduction), segment_bytes_(segment_bytes) {
    check_mpi(MPI_Comm_rank(group_, &rank_), "MPI_Comm_rank");
    check_mpi(MPI_Comm_size(group_, &size_), "MPI_Comm_size");
    if (reduction_ == Reduction::exact && (size_ & (size_ - 1)) != 0) {
      throw Invalid(Exit::config, "parallel.reduction: exact over " + std::to_string(size_) + " trainer ranks",
                    "its tree needs a power of two",
                    "start 1, 2, 4, 8 … trainer ranks, or set parallel.reduction: fast");
    }
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::string backend() const override { return "mpi"; }

  void all_reduce(at::Tensor tensor) override {
    MPI_Datatype const type = type_of(tensor);
    ensure(type == MPI_FLOAT || type == MPI_DOUBLE, "sums are of fp32 or fp64");
    if (size_ == 1) return;
    std::int64_t const segment =
        std::max<std::int64_t>(1, segment_bytes_ / static_cast<std::int64_t>(tensor.itemsize()));
    for (std::int64_t begin = 0; begin < tensor.numel(); begin += segment) {
      std::int64_t const count = std::min(segment, tensor.numel() - begin);
      if (reduction_ == Reduction::fast) {
        auto* const data = static_cast<char*>(tensor.data_ptr()) + begin * static_cast<std::int64_t>(tensor.itemsize());
        check_mpi(MPI_Allreduce(MPI_IN_PLACE, data, counted(count), type, MPI_SUM, group_), "MPI_Allreduce");
      } else if (type == MPI_FLOAT) {
        sum_segment(tensor.data_ptr<float>() + begin, count, type);
      } else {
        sum_segment(tensor.data_ptr<double>() + begin, count, type);
      }
    }
  }

  void broadcast(at::Tensor tensor, int root) override {
    MPI_Datatype const type = type_of(tensor);
    std::int64_t const segment = std::int64_t{1} << 28;
    auto* const data = static_cast<char*>(tensor.data_ptr());
    for (std::int64_t begin = 0; begin < tensor.numel(); begin += segment) {
      check_mpi(MPI_Bcast(data + begin * static_cast<std::int64_t>(tensor.itemsize()),
                          counted(std::min(segment, tensor.numel() - begin)), type, root, group_),
                "MPI_Bcast");
    }
  }

  void barrier() override { check_mpi(MPI_Barrier(group_), "MPI_Barrier"); }

  std::vector<std::string> all_gather(std::string const& bytes) override {
    auto const ranks = static_cast<std::size_t>(size_);
    int const mine = counted(static_cast<std::int64_t>(bytes.size()));
    std::vector<int> lengths(ranks), begins(ranks, 0);
    check_mpi(MPI_Allgather(&mine, 1, MPI_INT, lengths.data(), 1, MPI_INT, group_), "MPI_Allgather");
    std::int64_t total = 0;
    for (std::size_t r = 0; r < ranks; ++r) {
      begins[r] = counted(total);
      total += lengths[r];
    }
    std::string all(static_cast<std::size_t>(counted(total)), '\0');
    check_mpi(MPI_Allgatherv(bytes.data(), mine, MPI_BYTE, all.data(), lengths.data(), begins.data(), MPI_BYTE, group_),
              "MPI_Allgatherv");
    std::vector<std::string> parts;
    for (std::size_t r = 0; r < ranks; ++r) {
      parts.push_back(all.substr(static_cast<std::size_t>(begins[r]), static_cast<std::size_t>(lengths[r])));
    }
    return parts;
  }

 private:
  template <class Real>
  void sum_segment(Real* data, std::int64_t count, MPI_Datatype type) {
    // The part [begin, end) that this rank holds summed after each round: ranks that agree in the lower bits of their
    // number hold the same part, so the next partner has it too.
    struct Part {
      std::int64_t begin, end;
    };
    std::vector<Part> held{{0, count}};
    if (inbox_.size() < static_cast<std::size_t>(count) * sizeof(Real))
      inbox_.resize(static_cast<std::size_t>(count) * sizeof(Real));
    auto* const received = reinterpret_cast<Real*>(inbox_.data());
    for (int distance = 1; distance < size_; distance *= 2) {
      auto const [begin, end] = held.back();
      std::int64_t const middle = begin + (end - begin) / 2;
      bool const lower = (rank_ & distance) == 0;
      Part const keep = lower ? Part{begin, middle} : Part{middle, end};
      Part const give = lower ? Part{middle, end} : Part{begin, middle};
      int const partner = rank_ ^ distance;
      check_mpi(MPI_Sendrecv(data + give.begin, counted(give.end - give.begin), type, partner, tag_sum, received,
                             counted(keep.end - keep.begin), type, partner, tag_sum, group_, MPI_STATUS_IGNORE),
                "MPI_Sendrecv");
      Real* const kept = data + keep.begin;
      for (std::int64_t i = 0; i < keep.end - keep.begin; ++i) kept[i] += received[i];
      held.push_back(keep);
    }
    for (int distance = size_ / 2; distance >= 1; distance /= 2) {
      Part const mine = held.back();
      held.pop_back();
      Part const both = held.back();
      bool const lower = (rank_ & distance) == 0;
      std::int64_t const middle = both.begin + (both.end - both.begin) / 2;
      Part const other = lower ? Part{middle, both.end} : Part{both.begin, middle};
      int const partner = rank_ ^ distance;
      check_mpi(
          MPI_Sendrecv(data + mine.begin, counted(mine.end - mine.begin), type, partner, tag_gather, data + other.begin,
                       counted(other.end - other.begin), type, partner, tag_gather, group_, MPI_STATUS_IGNORE),
          "MPI_Sendrecv");
    }
  }

  static constexpr int tag_sum = 11, tag_gather = 12;
  MPI_Comm group_;
  Reduction reduction_;
  std::int64_t segment_bytes_;
  int rank_ = 0, size_ = 1;
  std::vector<char> inbox_;
};

}  // namespace

std::unique_ptr<Communicator> mpi_communicator(MPI_Comm group, Reduction reduction, std::int64_t segment_bytes) {
  return std::make_unique<MpiCommunicator>(group, reduction, segment_bytes);
}

}  // namespace bsft
