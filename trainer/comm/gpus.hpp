// The GPUs that this process sees.  gpus.cpp asks CUDA; no_gpus.cpp, for builds without it, has none.
//
// Errors: Failed(unavailable) with CUDA's words where a device is there and does not answer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bsft {

struct Gpu {
  std::string name, bus_id;
  std::int64_t bytes = 0;
};

// In CUDA's order; empty where there is no driver or no device.
std::vector<Gpu> visible_gpus();

// 13000 is 13.0; 0: none.  driver: the newest CUDA that it can run.
struct CudaVersions {
  int compiled = 0, loaded = 0, driver = 0;
};
CudaVersions cuda_versions();

}  // namespace bsft
