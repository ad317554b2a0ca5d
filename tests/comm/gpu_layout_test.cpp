// Two ranks on one GPU, whatever the variables hide.
#include "trainer/comm/gpu_layout.hpp"

#include <gtest/gtest.h>

#include "data/base/error.hpp"
#include "trainer/comm/gpus.hpp"

namespace bsft {
namespace {

Host const a{"a", "boot-a"}, b{"b", "boot-b"};

std::string refusal(std::vector<RankGpu> const& gpus) {
  try {
    refuse_shared_gpus(gpus);
  } catch (Unavailable const& error) {
    EXPECT_EQ(error.code(), Exit::unavailable);
    return error.what();
  }
  return "";
}

TEST(GpuLayout, OneEach) {
  EXPECT_EQ(refusal({}), "");
  EXPECT_EQ(refusal({{0, a, "0000:17:00.0"}, {1, a, "0000:65:00.0"}}), "");
  EXPECT_EQ(refusal({{0, a, "0000:17:00.0"}, {1, b, "0000:17:00.0"}}), "");  // the same slot of two hosts
}

TEST(GpuLayout, SharedOnesAreNamed) {
  EXPECT_EQ(refusal({{0, a, "0000:17:00.0"}, {1, b, "0000:17:00.0"}, {2, a, "0000:65:00.0"}, {3, b, "0000:17:00.0"}}),
            "ranks 1 and 3 on one GPU, host b, PCI 0000:17:00.0 (NCCL needs one a rank) start one trainer rank a GPU "
            "and let each rank see all of them: srun --gpus-per-node=N --gpu-bind=none, or mpirun without "
            "CUDA_VISIBLE_DEVICES");
  // Two hosts of one name are two machines; one machine by two names (containers) is one.
  EXPECT_EQ(refusal({{0, {"node", "1"}, "0000:17:00.0"}, {1, {"node", "2"}, "0000:17:00.0"}}), "");
  EXPECT_NE(refusal({{0, {"x", "1"}, "0000:17:00.0"}, {1, {"y", "1"}, "0000:17:00.0"}}), "");
}

TEST(GpuLayout, TheOnlyOneOrTheOneOfThePlace) {
  EXPECT_EQ(gpu_of(0, 4), 0);
  EXPECT_EQ(gpu_of(3, 4), 3);
  EXPECT_EQ(gpu_of(4, 4), -1);
  EXPECT_EQ(gpu_of(3, 1), 0);
  EXPECT_EQ(gpu_of(0, 0), -1);
}

TEST(GpuLayout, LinesThereAndBack) {
  RankGpu const back = gpu_from(to_line({7, a, "0000:17:00.0"}));
  EXPECT_EQ(back.rank, 7);
  EXPECT_EQ(back.host.name, "a");
  EXPECT_EQ(back.host.id, "boot-a");
  EXPECT_EQ(back.bus_id, "0000:17:00.0");
}

TEST(GpuLayout, AskingForGpusNeverFailsWithoutOne) {
  for (Gpu const& gpu : visible_gpus()) EXPECT_FALSE(gpu.bus_id.empty());
  CudaVersions const versions = cuda_versions();
  EXPECT_EQ(versions.compiled == 0, versions.loaded == 0);
}

}  // namespace
}  // namespace bsft
