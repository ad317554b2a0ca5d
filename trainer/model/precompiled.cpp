#include "trainer/model/torch.hpp"  // compiled once; every TORCH library reuses it
