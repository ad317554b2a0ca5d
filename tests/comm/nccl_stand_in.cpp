// The NCCL calls of trainer/comm/nccl_link.cpp on the host, among threads of one process, so that its grouping, its
// split and its errors run without a GPU.  What NCCL would queue on a stream is done when its group ends.
// stand_in::fail_next: what ncclCommGetAsyncError says from then on.
#include "tests/comm/nccl_stand_in.hpp"

#include <condition_variable>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

namespace {

struct Group {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::pair<int, int>, std::vector<std::byte>> messages;  // (from, to)
  std::map<int, std::map<int, std::pair<int, int>>> splits;        // how many-th -> rank -> (colour, key)
  std::map<std::pair<int, int>, std::shared_ptr<Group>> parts;     // of a split
  int size = 0;
};

std::mutex registry_mutex;
std::map<int, std::shared_ptr<Group>> registry;  // by the id's number

struct Call {
  ncclComm_t comm;
  bool send;
  void* data;
  std::size_t bytes;
  int peer;
};
thread_local int depth = 0;
thread_local std::vector<Call> calls;

}  // namespace

struct ncclComm {
  std::shared_ptr<Group> group;
  int rank = 0, splits = 0;
};

namespace stand_in {
std::atomic<ncclResult_t> background{ncclSuccess};
std::atomic<int> open_groups{0}, alive{0};
ncclUniqueId id(int number) {
  ncclUniqueId id{};
  std::memcpy(&id, &number, sizeof number);
  return id;
}
}  // namespace stand_in

extern "C" {

ncclResult_t ncclCommInitRank(ncclComm_t* comm, int size, ncclUniqueId id, int rank) {
  int number = 0;
  std::memcpy(&number, &id, sizeof number);
  std::lock_guard const lock(registry_mutex);
  auto& group = registry[number];
  if (!group) group = std::make_shared<Group>();
  group->size = size;
  *comm = new ncclComm{group, rank, 0};
  ++stand_in::alive;
  return ncclSuccess;
}
ncclResult_t ncclCommAbort(ncclComm_t comm) {
  delete comm;
  --stand_in::alive;
  return ncclSuccess;
}
ncclResult_t ncclCommUserRank(ncclComm_t comm, int* rank) {
  *rank = comm->rank;
  return ncclSuccess;
}
ncclResult_t ncclCommCount(ncclComm_t comm, int* size) {
  *size = comm->group->size;
  return ncclSuccess;
}
ncclResult_t ncclCommGetAsyncError(ncclComm_t, ncclResult_t* state) {
  *state = stand_in::background;
  return ncclSuccess;
}
char const* ncclGetErrorString(ncclResult_t code) {
  return code == ncclRemoteError ? "remote process exited or there was a network error" : "stand-in error";
}
ncclResult_t ncclGroupStart() {
  ++depth;
  ++stand_in::open_groups;
  return ncclSuccess;
}
ncclResult_t ncclSend(void const* data, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t) {
  if (type != ncclUint8 || depth == 0 || peer == comm->rank) return ncclInvalidArgument;
  calls.push_back({comm, true, const_cast<void*>(data), count, peer});
  return ncclSuccess;
}
ncclResult_t ncclRecv(void* data, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm, cudaStream_t) {
  if (type != ncclUint8 || depth == 0 || peer == comm->rank) return ncclInvalidArgument;
  calls.push_back({comm, false, data, count, peer});
  return ncclSuccess;
}
// NCCL may carry out a group's calls in any order: sends wait for nobody, so all orders are one here.
ncclResult_t ncclGroupEnd() {
  --stand_in::open_groups;
  if (--depth > 0) return ncclSuccess;
  for (bool const send : {true, false}) {
    for (Call const& call : calls) {
      if (call.send != send) continue;
      Group& group = *call.comm->group;
      std::unique_lock lock(group.mutex);
      if (send) {
        std::pair const key(call.comm->rank, call.peer);
        group.changed.wait(lock, [&] { return group.messages.count(key) == 0; });
        auto const* const begin = static_cast<std::byte const*>(call.data);
        group.messages[key].assign(begin, begin + call.bytes);
      } else {
        std::pair const key(call.peer, call.comm->rank);
        group.changed.wait(lock, [&] { return group.messages.count(key) > 0; });
        auto const message = std::move(group.messages[key]);
        group.messages.erase(key);
        if (message.size() != call.bytes) return ncclInvalidUsage;
        std::memcpy(call.data, message.data(), call.bytes);
      }
      group.changed.notify_all();
    }
  }
  calls.clear();
  return ncclSuccess;
}
ncclResult_t ncclAllReduce(void const* from, void* to, std::size_t count, ncclDataType_t type, ncclRedOp_t op,
                           ncclComm_t comm, cudaStream_t) {
  std::size_t const size = type == ncclFloat32 ? 4 : 8, bytes = count * size;
  if (op != ncclSum || from != to) return ncclInvalidArgument;
  int const ranks = comm->group->size;
  std::vector<std::vector<std::byte>> theirs(static_cast<std::size_t>(ranks), std::vector<std::byte>(bytes));
  ncclGroupStart();
  for (int r = 0; r < ranks; ++r) {
    if (r == comm->rank) continue;
    ncclSend(from, bytes, ncclUint8, r, comm, nullptr);
    ncclRecv(theirs[static_cast<std::size_t>(r)].data(), bytes, ncclUint8, r, comm, nullptr);
  }
  ncclGroupEnd();
  std::memcpy(theirs[static_cast<std::size_t>(comm->rank)].data(), from, bytes);
  for (std::size_t i = 0; i < count; ++i) {  // as a ring does: from another rank on for each element
    float single = 0;
    double twice = 0;
    for (int k = 0; k < ranks; ++k) {
      auto const& x = theirs[(i + static_cast<std::size_t>(k)) % static_cast<std::size_t>(ranks)];
      if (size == 4) {
        float value;
        std::memcpy(&value, x.data() + i * size, size);
        single += value;
      } else {
        double value;
        std::memcpy(&value, x.data() + i * size, size);
        twice += value;
      }
    }
    std::memcpy(static_cast<std::byte*>(to) + i * size, size == 4 ? static_cast<void*>(&single) : &twice, size);
  }
  return ncclSuccess;
}
ncclResult_t ncclCommSplit(ncclComm_t comm, int color, int key, ncclComm_t* made, ncclConfig_t*) {
  Group& group = *comm->group;
  std::unique_lock lock(group.mutex);
  int const which = comm->splits++;
  auto& all = group.splits[which];
  all[comm->rank] = {color, key};
  group.changed.notify_all();
  group.changed.wait(lock, [&] { return static_cast<int>(all.size()) == group.size; });
  *made = nullptr;
  if (color == NCCL_SPLIT_NOCOLOR) return ncclSuccess;
  auto& part = group.parts[{which, color}];
  if (!part) part = std::make_shared<Group>();
  int place = 0, count = 0;
  for (auto const& [rank, theirs] : all) {
    if (theirs.first != color) continue;
    place += std::pair(theirs.second, rank) < std::pair(key, comm->rank) ? 1 : 0;
    ++count;
  }
  part->size = count;
  *made = new ncclComm{part, place, 0};
  ++stand_in::alive;
  return ncclSuccess;
}

}  // extern "C"
