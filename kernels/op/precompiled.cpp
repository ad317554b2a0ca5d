#include "kernels/op/torch.hpp"  // compiled once; every TORCH library reuses it
