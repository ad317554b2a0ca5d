// For builds without CUDA: trainer/comm/CMakeLists.txt takes this file or gpus.cpp.
#include "trainer/comm/gpus.hpp"

namespace bsft {

std::vector<Gpu> visible_gpus() { return {}; }
CudaVersions cuda_versions() { return {}; }

}  // namespace bsft
