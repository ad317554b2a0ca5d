// From a tensor to the pointer that a kernel body takes, and from a dtype to the body's storage type.
#pragma once

#include <ATen/ATen.h>

#include "kernels/team/team.hpp"

namespace bsft::op {

template <class T>
T* pointer(at::Tensor const& tensor) {
  return static_cast<T*>(tensor.data_ptr());
}

// f(T{}) with T = float or kernel::Bf16.
template <class F>
decltype(auto) with_storage(at::ScalarType dtype, F f) {
  return dtype == at::kFloat ? f(float{}) : f(kernel::Bf16{});
}

}  // namespace bsft::op
