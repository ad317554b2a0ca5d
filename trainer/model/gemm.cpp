#include "trainer/model/gemm.hpp"

#include "kernels/op/torch.hpp"

extern "C" __attribute__((weak)) void sgemm_(char const* transa, char const* transb, int const* m, int const* n,
                                             int const* k, float const* alpha, float const* a, int const* lda,
                                             float const* b, int const* ldb, float const* beta, float* c,
                                             int const* ldc);

namespace bsft {

void gemm(Layout layout, std::int64_t m, std::int64_t n, std::int64_t k, float alpha, Matrix a, Matrix b, float beta,
          MutableMatrix c) {
  if (sgemm_ == nullptr) return gemm_by_tensors(layout, m, n, k, alpha, a, b, beta, c);
  // Column-major: Cᵀ[n,m] = op(B)ᵀ · op(A)ᵀ.
  char const first = layout == Layout::nt ? 'T' : 'N', second = layout == Layout::tn ? 'T' : 'N';
  int const rows = static_cast<int>(n), columns = static_cast<int>(m), inner = static_cast<int>(k);
  int const ldb = static_cast<int>(b.stride), lda = static_cast<int>(a.stride), ldc = static_cast<int>(c.stride);
  sgemm_(&first, &second, &rows, &columns, &inner, &alpha, b.data, &ldb, a.data, &lda, &beta, c.data, &ldc);
}

void gemm_by_tensors(Layout layout, std::int64_t m, std::int64_t n, std::int64_t k, float alpha, Matrix a, Matrix b,
                     float beta, MutableMatrix c) {
  auto const view = [](float const* data, std::int64_t rows, std::int64_t columns, std::int64_t stride) {
    return at::from_blob(const_cast<float*>(data), {rows, columns}, {stride, 1}, at::kFloat);
  };
  at::Tensor const left = layout == Layout::tn ? view(a.data, k, m, a.stride).t() : view(a.data, m, k, a.stride);
  at::Tensor const right = layout == Layout::nt ? view(b.data, n, k, b.stride).t() : view(b.data, k, n, b.stride);
  at::Tensor out = view(c.data, m, n, c.stride);
  if (beta == 0) out.zero_();
  out.addmm_(left, right, beta, alpha);
}

}  // namespace bsft
