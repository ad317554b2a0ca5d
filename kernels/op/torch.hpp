// The part of libtorch that this project uses: tensors and autograd, no modules.  Precompiled once for all libraries.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/grad_mode.h>

#if AT_PARALLEL_OPENMP && !defined(_OPENMP)
#error "this libtorch divides work by OpenMP: without -fopenmp at::parallel_for runs on one thread"
#endif
