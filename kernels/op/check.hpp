// Refuse an op's argument in one line that names it.
//
// `what (why) fix` of data/base/error.hpp with the exit code of bad data: these are the last line of defence, the
// configuration and the data store refuse earlier and with better words.
#pragma once

#include <ATen/ATen.h>

#include <initializer_list>
#include <string>
#include <string_view>

namespace bsft::op::check {

[[noreturn]] void refuse(std::string_view op, std::string_view argument, std::string const& why);

// fp32 or bf16.
void floating(std::string_view op, std::string_view argument, at::Tensor const& tensor);
void dtype(std::string_view op, std::string_view argument, at::Tensor const& tensor, at::ScalarType want);
void device(std::string_view op, std::string_view argument, at::Tensor const& tensor, at::Device want);
// -1 stands for any size.
void shape(std::string_view op, std::string_view argument, at::Tensor const& tensor,
           std::initializer_list<std::int64_t> want);
// On the CPU, int64, [K], distinct, >= 0.
void behavior_ids(std::string_view op, at::Tensor const& ids);
// Every id is below V or a behaviour id.  Host tensors only: a device tensor would cost a synchronisation, there the
// kernels write NaN for such a row instead.
void ids(std::string_view op, std::string_view argument, at::Tensor const& ids, std::int64_t vocabulary,
         at::Tensor const& behavior_ids);

}  // namespace bsft::op::check
