// Small strided matrix products for attention on the CPU: libtorch's own sgemm, called without making tensors.
//
//   C[m,n] = alpha · op(A)[m,k] · op(B)[k,n] + beta · C        row-major, fp32, rows lda/ldb/ldc floats apart
// op is the transpose where the layout says so: `nt` C = A·Bᵀ, `nn` C = A·B, `tn` C = Aᵀ·B.
// Where the libtorch at hand does not export sgemm_ (a site's own), the same products go through at::addmm_out.
// Thread-safe; inside at::parallel_for each call stays on its thread.
#pragma once

#include <cstdint>

namespace bsft {

enum class Layout { nt, nn, tn };

struct Matrix {
  float const* data;
  std::int64_t stride;  // floats from row to row
};
struct MutableMatrix {
  float* data;
  std::int64_t stride;
};

void gemm(Layout layout, std::int64_t m, std::int64_t n, std::int64_t k, float alpha, Matrix a, Matrix b, float beta,
          MutableMatrix c);
// The path without sgemm_, for its test.
void gemm_by_tensors(Layout layout, std::int64_t m, std::int64_t n, std::int64_t k, float alpha, Matrix a, Matrix b,
                     float beta, MutableMatrix c);

}  // namespace bsft
