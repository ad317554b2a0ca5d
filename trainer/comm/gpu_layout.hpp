// Who takes which GPU, and that no two ranks take the same.
//
// gpu_of: a rank that sees one GPU (CUDA_VISIBLE_DEVICES, or a launcher that binds) takes it; else the one of its place
// among the trainers of its host.  refuse_shared_gpus compares (host, PCI bus id), so that what the variables hide
// shows. Pure functions.  Errors: Unavailable naming both ranks, the host and the bus id.
#pragma once

#include <string>
#include <vector>

#include "data/base/host.hpp"

namespace bsft {

// -1: there is none for it.
int gpu_of(int place, int visible);

struct RankGpu {
  int rank = 0;  // of the job
  Host host;
  std::string bus_id;  // "0000:17:00.0"
};
std::string to_line(RankGpu const& gpu);
RankGpu gpu_from(std::string const& line);

void refuse_shared_gpus(std::vector<RankGpu> const& gpus);

}  // namespace bsft
