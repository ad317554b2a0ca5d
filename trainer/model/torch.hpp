// The part of libtorch that this project uses: tensors and autograd, no modules.  Precompiled once for all libraries.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/grad_mode.h>
