// What writer and reader of HDF5 files share: the lock, error texts, handles, types, access.  Inside data/base only.
#pragma once

#include <hdf5.h>

#include <bit>
#include <mutex>
#include <string>

#include "data/base/h5.hpp"

namespace bsft::h5 {

static_assert(std::endian::native == std::endian::little, "values lie in memory as they lie in the file");
static_assert(sizeof(hid_t) == sizeof(std::int64_t), "HDF5 1.10 or later");

// Debian's library is not thread-safe, so every call is made under this lock.
std::recursive_mutex& library();
using Lock = std::lock_guard<std::recursive_mutex>;

// No messages of HDF5's own, no plug-ins from the environment.
void prepare();

// The innermost reason of the last failure, in HDF5's words.
std::string reason();
[[noreturn]] void broken(std::string const& where);

H5Handle handle(hid_t id, H5Handle::Close close, std::string const& where);

template <herr_t (*call)(hid_t)>
int closes(std::int64_t id) {
  return call(id);
}

// In a file as in memory.
hid_t type_of(H5Type type);

// Format 1.10 for both ends: its metadata carries checksums, so damage is an error and not a crash.
H5Handle access_list(std::string const& where);

}  // namespace bsft::h5
