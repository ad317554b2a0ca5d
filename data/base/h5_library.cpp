#include "data/base/h5_library.hpp"

#include "data/base/error.hpp"

namespace bsft {
namespace h5 {

std::recursive_mutex& library() {
  static std::recursive_mutex mutex;
  return mutex;
}

void prepare() {
  static bool const once = [] {
    H5dont_atexit();
    H5open();
    H5PLset_loading_state(0);
    return true;
  }();
  (void)once;
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

std::string reason() {
  std::string text;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned, H5E_error2_t const* error, void* out) -> herr_t {
        auto& text = *static_cast<std::string*>(out);
        if (text.empty() && error->desc != nullptr) text = error->desc;
        return 0;
      },
      &text);
  H5Eclear2(H5E_DEFAULT);
  return text.empty() ? "HDF5 gives no reason" : "HDF5: " + text;
}

[[noreturn]] void broken(std::string const& where) { throw Broken(where, reason()); }

H5Handle handle(hid_t id, H5Handle::Close close, std::string const& where) {
  if (id < 0) broken(where);
  return {id, close};
}

hid_t type_of(H5Type type) {
  switch (type) {
    case H5Type::i8:
      return H5T_STD_I8LE;
    case H5Type::u8:
      return H5T_STD_U8LE;
    case H5Type::i16:
      return H5T_STD_I16LE;
    case H5Type::i32:
      return H5T_STD_I32LE;
    case H5Type::u32:
      return H5T_STD_U32LE;
    case H5Type::i64:
      return H5T_STD_I64LE;
    case H5Type::u64:
      return H5T_STD_U64LE;
    case H5Type::f32:
      return H5T_IEEE_F32LE;
  }
  return H5T_STD_U8LE;
}

H5Handle access_list(std::string const& where) {
  auto list = handle(H5Pcreate(H5P_FILE_ACCESS), closes<H5Pclose>, where);
  if (H5Pset_libver_bounds(list.id(), H5F_LIBVER_V110, H5F_LIBVER_V110) < 0) broken(where);
#if H5_VERSION_GE(1, 10, 7) && !(H5_VERS_MAJOR == 1 && H5_VERS_MINOR == 12 && H5_VERS_RELEASE == 0)
  if (H5Pset_file_locking(list.id(), 0, 1) < 0) broken(where);
#endif
  return list;
}

}  // namespace h5

H5Handle::~H5Handle() {
  if (id_ < 0) return;
  h5::Lock const lock(h5::library());
  close_(id_);
}

}  // namespace bsft
