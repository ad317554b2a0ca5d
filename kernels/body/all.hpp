// Every body, and the list of their instantiations: each is compiled for every CPU instruction set and for CUDA.
#pragma once

#include "kernels/body/adamw.hpp"
#include "kernels/body/behavior_embedding.hpp"
#include "kernels/body/cross_entropy.hpp"
#include "kernels/body/loss_mask.hpp"
#include "kernels/body/rms_norm.hpp"
#include "kernels/body/rope.hpp"
#include "kernels/body/scale.hpp"
#include "kernels/body/squared_norm.hpp"
#include "kernels/body/swiglu.hpp"

#define BSFT_EACH_STORAGE(X, T) \
  X(BehaviorGather<T>)          \
  X(SegmentSum<T>)              \
  X(CrossEntropy<T>)            \
  X(Rescale<T>)                 \
  X(CastScale<T>)               \
  X(RmsNormForward<T>)          \
  X(RmsNormBackward<T>)         \
  X(ColumnSum<T>)               \
  X(Rope<T>)                    \
  X(SwigluForward<T>)           \
  X(SwigluBackward<T>)

#define BSFT_EACH_KERNEL(X)   \
  BSFT_EACH_STORAGE(X, float) \
  BSFT_EACH_STORAGE(X, Bf16)  \
  X(MaskPlan)                 \
  X(MaskWrite)                \
  X(AdamWStep)                \
  X(SquaredNorm)              \
  X(WeightedSum)
