#include "kernels/op/check.hpp"

#include <algorithm>
#include <limits>
#include <sstream>
#include <vector>

#include "data/base/error.hpp"
#include "kernels/body/behavior_embedding.hpp"

namespace bsft::op::check {
namespace {

constexpr std::int64_t most = kernel::most_behaviors;

template <class T>
std::string text(T const& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

}  // namespace

void refuse(std::string_view op, std::string_view argument, std::string const& why) {
  throw Invalid(Exit::data, std::string(op) + ": " + std::string(argument) + " is refused", why,
                "see kernels/op/op.hpp for what it takes");
}

void floating(std::string_view op, std::string_view argument, at::Tensor const& tensor) {
  if (!tensor.defined()) refuse(op, argument, "it is undefined");
  if (tensor.scalar_type() != at::kFloat && tensor.scalar_type() != at::kBFloat16)
    refuse(op, argument, std::string("dtype ") + at::toString(tensor.scalar_type()) + ", wanted Float or BFloat16");
}

void dtype(std::string_view op, std::string_view argument, at::Tensor const& tensor, at::ScalarType want) {
  if (!tensor.defined()) refuse(op, argument, "it is undefined");
  if (tensor.scalar_type() != want)
    refuse(op, argument, std::string("dtype ") + at::toString(tensor.scalar_type()) + ", wanted " + at::toString(want));
}

void device(std::string_view op, std::string_view argument, at::Tensor const& tensor, at::Device want) {
  if (tensor.device() != want) refuse(op, argument, "it lies on " + tensor.device().str() + ", wanted " + want.str());
}

void shape(std::string_view op, std::string_view argument, at::Tensor const& tensor,
           std::initializer_list<std::int64_t> want) {
  bool same = tensor.dim() == std::int64_t(want.size());
  std::string wanted;
  std::int64_t dimension = 0;
  for (std::int64_t size : want) {
    same = same && (size < 0 || tensor.size(dimension) == size);
    wanted += (dimension++ ? ", " : "") + (size < 0 ? std::string("any") : std::to_string(size));
  }
  if (!same) refuse(op, argument, "shape " + text(tensor.sizes()) + ", wanted [" + wanted + "]");
}

void behavior_ids(std::string_view op, at::Tensor const& ids) {
  dtype(op, "behavior_ids", ids, at::kLong);
  device(op, "behavior_ids", ids, at::kCPU);
  shape(op, "behavior_ids", ids, {-1});
  if (ids.numel() > most) refuse(op, "behavior_ids", "more than " + std::to_string(most) + " of them");
  std::vector<std::int64_t> seen;
  auto const values = ids.contiguous();
  for (std::int64_t k = 0; k < ids.numel(); ++k) {
    std::int64_t const id = values.data_ptr<std::int64_t>()[k];
    if (id < 0 || id > std::numeric_limits<std::int32_t>::max())
      refuse(op, "behavior_ids", "entry " + std::to_string(k) + " is " + std::to_string(id));
    if (std::find(seen.begin(), seen.end(), id) != seen.end())
      refuse(op, "behavior_ids", "id " + std::to_string(id) + " occurs twice");
    seen.push_back(id);
  }
}

void ids(std::string_view op, std::string_view argument, at::Tensor const& ids, std::int64_t vocabulary,
         at::Tensor const& behavior_ids) {
  if (!ids.device().is_cpu()) return;
  auto const values = ids.contiguous(), known = behavior_ids.contiguous();
  auto const* const id = values.data_ptr<std::int64_t>();
  auto const* const begin = known.data_ptr<std::int64_t>();
  auto const* const end = begin + known.numel();
  for (std::int64_t t = 0; t < ids.numel(); ++t)
    if ((id[t] < 0 || id[t] >= vocabulary) && std::find(begin, end, id[t]) == end)
      refuse(op, argument,
             "entry " + std::to_string(t) + " is " + std::to_string(id[t]) + ", the vocabulary has " +
                 std::to_string(vocabulary) + " rows and it is no behaviour token");
}

}  // namespace bsft::op::check
