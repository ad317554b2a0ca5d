// For builds with CUDA: trainer/comm/CMakeLists.txt takes this file or no_gpus.cpp.
#include "trainer/comm/gpus.hpp"

#include <cuda_runtime_api.h>

#include "data/base/error.hpp"

namespace bsft {
namespace {

void check_cuda(cudaError_t code, char const* call) {
  if (code != cudaSuccess) throw Failed(Exit::unavailable, call, cudaGetErrorString(code), "see `bsft doctor`");
}

}  // namespace

std::vector<Gpu> visible_gpus() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    cudaGetLastError();  // no driver, or no device: not an error for the next call
    return {};
  }
  std::vector<Gpu> gpus;
  for (int device = 0; device < count; ++device) {
    cudaDeviceProp properties{};
    check_cuda(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
    char bus_id[32] = "";
    check_cuda(cudaDeviceGetPCIBusId(bus_id, sizeof bus_id, device), "cudaDeviceGetPCIBusId");
    gpus.push_back({properties.name, bus_id, static_cast<std::int64_t>(properties.totalGlobalMem)});
  }
  return gpus;
}

CudaVersions cuda_versions() {
  CudaVersions versions{CUDART_VERSION, 0, 0};
  check_cuda(cudaRuntimeGetVersion(&versions.loaded), "cudaRuntimeGetVersion");
  if (cudaDriverGetVersion(&versions.driver) != cudaSuccess) versions.driver = 0;
  return versions;
}

}  // namespace bsft
