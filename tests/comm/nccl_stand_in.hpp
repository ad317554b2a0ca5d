// Of tests/comm/nccl_stand_in.cpp, for its tests.
#pragma once

#include <nccl.h>

#include <atomic>

namespace stand_in {

extern std::atomic<ncclResult_t> background;  // what ncclCommGetAsyncError tells
extern std::atomic<int> open_groups, alive;   // ncclGroupStart without its end; communicators
ncclUniqueId id(int number);                  // the same number, the same group

}  // namespace stand_in
