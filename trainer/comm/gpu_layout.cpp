#include "trainer/comm/gpu_layout.hpp"

#include <map>
#include <sstream>
#include <utility>

#include "data/base/error.hpp"

namespace bsft {

int gpu_of(int place, int visible) {
  if (visible == 1) return 0;
  return place < visible ? place : -1;
}

std::string to_line(RankGpu const& gpu) {
  return std::to_string(gpu.rank) + "\t" + gpu.host.name + "\t" + gpu.host.id + "\t" + gpu.bus_id;
}

RankGpu gpu_from(std::string const& line) {
  std::istringstream text(line);
  RankGpu gpu;
  std::string rank;
  std::getline(text, rank, '\t');
  std::getline(text, gpu.host.name, '\t');
  std::getline(text, gpu.host.id, '\t');
  std::getline(text, gpu.bus_id);
  gpu.rank = std::stoi(rank);
  return gpu;
}

void refuse_shared_gpus(std::vector<RankGpu> const& gpus) {
  std::map<std::pair<std::string, std::string>, int> taken;
  for (RankGpu const& gpu : gpus) {
    auto const [first, fresh] = taken.emplace(std::pair(gpu.host.id, gpu.bus_id), gpu.rank);
    if (fresh) continue;
    throw Unavailable("ranks " + std::to_string(first->second) + " and " + std::to_string(gpu.rank) +
                          " on one GPU, host " + gpu.host.name + ", PCI " + gpu.bus_id,
                      "NCCL needs one a rank",
                      "start one trainer rank a GPU and let each rank see all of them: srun --gpus-per-node=N "
                      "--gpu-bind=none, or mpirun without CUDA_VISIBLE_DEVICES");
  }
}

}  // namespace bsft
