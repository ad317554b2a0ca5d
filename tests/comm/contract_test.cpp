// One text for every backend: what trainer/comm/communicator.hpp says, for 1, 2, 3, 4 and 8 ranks.
//
// Alone, the program runs it over `self`, over threads and over NCCL's link with its calls stood in for; under
// mpirun -np N over MPI, and the ranks are the processes.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <thread>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"
#include "tests/comm/ranks.hpp"

namespace bsft {
namespace {

using testing::Ranks;

// Element i of rank r: large and small magnitudes, so that the order of a sum shows in its bits.
template <class Real>
at::Tensor values(int rank, std::int64_t n) {
  at::Tensor x = at::empty({n}, sizeof(Real) == 4 ? at::kFloat : at::kDouble);
  for (std::int64_t i = 0; i < n; ++i) {
    std::uint64_t const bits = mix(11, static_cast<std::uint64_t>(rank), static_cast<std::uint64_t>(i));
    Real value =
        static_cast<Real>(std::ldexp(static_cast<double>(bits >> 12) / 4e15 - 0.5, static_cast<int>(bits % 40) - 20));
    if (i % 97 == 5) value = std::numeric_limits<Real>::denorm_min() * static_cast<Real>(bits % 9);
    if (i % 97 == 6) value = 0;
    if (i % 97 == 7 && rank == 0) value = std::numeric_limits<Real>::infinity();
    x.data_ptr<Real>()[i] = value;
  }
  return x;
}

// The sum that the header promises: ((0+1)+(2+3))+…
template <class Real>
at::Tensor tree(int begin, int end, std::int64_t n) {
  if (end - begin == 1) return values<Real>(begin, n);
  int const middle = begin + (end - begin) / 2;
  at::Tensor left = tree<Real>(begin, middle, n), right = tree<Real>(middle, end, n);
  for (std::int64_t i = 0; i < n; ++i) left.data_ptr<Real>()[i] += right.data_ptr<Real>()[i];
  return left;
}

bool same_bits(at::Tensor const& a, at::Tensor const& b) {
  return a.nbytes() == b.nbytes() && std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0;
}
at::Tensor part(at::Tensor const& x, int rank, int size, std::int64_t grain = part_grain) {
  Part const p = part_of(x.numel(), rank, size, grain);
  return x.narrow(0, p.begin, p.end - p.begin).contiguous();
}

constexpr std::int64_t lengths[] = {0, 1, 2, 3, 15, 16, 17, 31, 32, 33, 255, 256, 257, 1003, 20'011};

class Contract : public ::testing::TestWithParam<std::string> {
 protected:
  // Every group of this backend with a number of ranks that `wanted` allows.
  void on_each(Reduction reduction, std::int64_t segment, std::function<void(Communicator&)> const& body) {
    for (Ranks const& ranks : testing::groups_of(GetParam())) {
      if (reduction == Reduction::exact && (ranks.count & (ranks.count - 1)) != 0) continue;
      ranks.run(reduction, segment, body);
    }
  }
};

template <class Real>
void expect_tree(Communicator& group) {
  for (std::int64_t const n : lengths) {
    at::Tensor const want = tree<Real>(0, group.size(), n);
    at::Tensor x = values<Real>(group.rank(), n);
    group.all_reduce(x).wait();
    ASSERT_TRUE(same_bits(x, want)) << "all_reduce of " << n << " over " << group.size();
    for (std::int64_t const grain : {part_grain, std::int64_t{1}, std::int64_t{100}}) {
      x = values<Real>(group.rank(), n);
      group.reduce_scatter(x, grain).wait();
      ASSERT_TRUE(same_bits(part(x, group.rank(), group.size(), grain), part(want, group.rank(), group.size(), grain)))
          << "reduce_scatter of " << n << " over " << group.size() << ", grain " << grain;
    }
  }
}

TEST_P(Contract, exact_sums_are_the_binary_tree_bit_for_bit) {
  for (std::int64_t const segment : {64, 4096, 1 << 22}) {
    on_each(Reduction::exact, segment, [](Communicator& group) {
      expect_tree<float>(group);
      expect_tree<double>(group);
    });
  }
}

TEST_P(Contract, an_exact_sum_over_another_number_of_ranks_is_refused) {
  for (Ranks const& ranks : testing::groups_of(GetParam())) {
    if ((ranks.count & (ranks.count - 1)) == 0) continue;
    try {
      ranks.run(Reduction::exact, 4096, [](Communicator&) {});
      ADD_FAILURE() << ranks.count << " ranks";
    } catch (Invalid const& error) {
      EXPECT_NE(std::string(error.what()).find("1, 2, 4, 8"), std::string::npos) << error.what();
    }
  }
}

TEST_P(Contract, fast_sums_are_close_and_alike_on_all_ranks) {
  on_each(Reduction::fast, 4096, [](Communicator& group) {
    at::Tensor x = at::arange(5000, at::kDouble) / 3 + group.rank();
    group.all_reduce(x).wait();
    double const w = group.size();
    EXPECT_TRUE(at::allclose(x, at::arange(5000, at::kDouble) / 3 * w + w * (w - 1) / 2));
    std::string const bits(static_cast<char const*>(x.const_data_ptr()), x.nbytes());
    for (std::string const& theirs : group.exchange(xxh128_hex(bits))) EXPECT_EQ(theirs, xxh128_hex(bits));
  });
}

TEST_P(Contract, buckets_of_every_partition_give_the_same_bits) {
  on_each(Reduction::exact, 4096, [](Communicator& group) {
    std::int64_t const n = 10'007;
    at::Tensor const want = tree<float>(0, group.size(), n);
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      at::Tensor x = values<float>(group.rank(), n);
      std::vector<Pending> pending;
      for (std::int64_t begin = 0, i = 0; begin < n; ++i) {
        std::int64_t const size =
            std::min<std::int64_t>(n - begin, 1 + static_cast<std::int64_t>(mix(seed, 5, i) % 3000));
        pending.push_back(group.all_reduce(x.narrow(0, begin, size)));
        begin += size;
      }
      for (Pending& one : pending) one.wait();
      ASSERT_TRUE(same_bits(x, want)) << "partition " << seed;
    }
  });
}

TEST_P(Contract, parts_cover_without_overlap) {
  for (int size = 1; size <= 9; ++size) {
    for (std::int64_t const n : lengths) {
      std::int64_t at = 0;
      for (int r = 0; r < size; ++r) {
        Part const p = part_of(n, r, size);
        EXPECT_EQ(p.begin, at);
        EXPECT_TRUE(p.begin % 16 == 0 || p.begin == n);
        at = p.end;
      }
      EXPECT_EQ(at, n);
    }
  }
}

TEST_P(Contract, gathers_and_broadcasts) {
  on_each(Reduction::fast, 4096, [](Communicator& group) {
    int const size = group.size(), rank = group.rank();
    for (std::int64_t const n : lengths) {
      at::Tensor const whole = at::arange(n, at::kFloat);
      at::Tensor x = at::full({n}, -1, at::kFloat);
      Part const mine = part_of(n, rank, size);
      x.narrow(0, mine.begin, mine.end - mine.begin).copy_(part(whole, rank, size));
      group.all_gather(x).wait();
      ASSERT_TRUE(at::equal(x, whole)) << "all_gather of " << n;
      for (int root = 0; root < size; ++root) {
        x = at::full({n}, rank, at::kLong);
        group.broadcast(x, root).wait();
        ASSERT_TRUE(at::equal(x, at::full({n}, root, at::kLong))) << "broadcast of " << n << " from " << root;
      }
      at::Tensor from = at::empty({size, n}, at::kInt), to = at::full({size, n}, -1, at::kInt);
      for (int r = 0; r < size; ++r) from[r].fill_(100 * rank + r);
      group.all_to_all(to, from).wait();
      for (int r = 0; r < size; ++r) ASSERT_TRUE(at::equal(to[r], at::full({n}, 100 * r + rank, at::kInt))) << n;
    }
  });
}

TEST_P(Contract, exchange_takes_words_of_any_length) {
  on_each(Reduction::fast, 4096, [](Communicator& group) {
    auto const word = [](int r) { return std::string(static_cast<std::size_t>(r * 3), static_cast<char>('a' + r)); };
    auto const all = group.exchange(word(group.rank()));
    ASSERT_EQ(all.size(), static_cast<std::size_t>(group.size()));
    for (int r = 0; r < group.size(); ++r) EXPECT_EQ(all[static_cast<std::size_t>(r)], word(r));
    group.barrier();
  });
}

TEST_P(Contract, verbs_under_way_are_carried_out_in_order) {
  on_each(Reduction::exact, 4096, [](Communicator& group) {
    std::vector<at::Tensor> tensors;
    std::vector<Pending> pending;
    for (std::int64_t k = 0; k < 40; ++k) {
      tensors.push_back(values<float>(group.rank(), 1 + 97 * k));
      pending.push_back(group.all_reduce(tensors.back()));
    }
    at::Tensor twice = at::ones({5}, at::kFloat);
    Pending first = group.all_reduce(twice), second = group.all_reduce(twice);
    second.wait();
    first.wait();
    double const w = group.size();
    EXPECT_TRUE(at::equal(twice, at::full({5}, w * w, at::kFloat)));
    for (std::size_t k = tensors.size(); k-- > 0;) {  // waited for in the other order
      pending[k].wait();
      pending[k].wait();  // nothing is left to wait for
      ASSERT_TRUE(same_bits(tensors[k], tree<float>(0, group.size(), tensors[k].numel()))) << k;
    }
  });
}

TEST_P(Contract, split_makes_groups_that_do_the_same) {
  on_each(Reduction::fast, 4096, [](Communicator& group) {
    int const rank = group.rank(), size = group.size();
    bool const last = rank == size - 1 && size > 1;
    auto const some = group.split(last ? -1 : rank % 2);
    EXPECT_EQ(some == nullptr, last);
    if (some) {
      int const members = (size > 1 ? size - 1 : 1), mine = (members - rank % 2 + 1) / 2;
      EXPECT_EQ(some->size(), mine);
      EXPECT_EQ(some->rank(), rank / 2);
      EXPECT_EQ(some->backend(), group.backend());
      at::Tensor x = at::full({100}, rank, at::kDouble);
      some->all_reduce(x).wait();
      double sum = 0;
      for (int r = rank % 2; r < members; r += 2) sum += r;
      EXPECT_TRUE(at::equal(x, at::full({100}, sum, at::kDouble)));
    }
    group.barrier();
  });
}

TEST_P(Contract, what_is_not_summed_is_refused) {
  on_each(Reduction::fast, 4096, [](Communicator& group) {
    EXPECT_THROW((void)group.all_reduce(at::ones({3}, at::kLong)), Error);
    EXPECT_THROW((void)group.all_reduce(at::ones({4, 4}, at::kFloat).t()), Error);
    EXPECT_THROW((void)group.all_to_all(at::ones({group.size() + 1, 2}), at::ones({group.size() + 1, 2})), Error);
    group.barrier();
  });
}

INSTANTIATE_TEST_SUITE_P(Over, Contract, ::testing::ValuesIn(testing::backends()),
                         [](auto const& info) { return info.param; });

}  // namespace
}  // namespace bsft
