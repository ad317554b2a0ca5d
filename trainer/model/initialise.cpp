#include <algorithm>
#include <cmath>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"
#include "kernels/op/torch.hpp"
#include "trainer/model/weights.hpp"

namespace bsft {
namespace {

// A bell of mean 0 and variance 1 from 64 bits: the sum of four 16-bit uniforms.  Whole numbers until the last product,
// so every machine has the same bits.
float bell(std::uint64_t bits, float deviation) {
  auto const sum =
      static_cast<std::int32_t>((bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48));
  constexpr float spread = 1.0F / 37837.2275F;  // standard deviation of the sum
  return static_cast<float>(sum - 131'070) * (deviation * spread);
}

void fill_bell(at::Tensor const& tensor, std::uint64_t seed, std::string const& name, double deviation) {
  std::uint64_t const key = std::stoull(xxh128_hex(name).substr(0, 16), nullptr, 16);
  at::Tensor const host = at::empty(tensor.sizes(), at::kFloat);
  auto* const values = host.data_ptr<float>();
  for (std::int64_t i = 0; i < host.numel(); ++i)
    values[i] = bell(mix(seed, key, static_cast<std::uint64_t>(i)), static_cast<float>(deviation));
  tensor.copy_(host);
}

// A base table on the host with what its behaviour rows are made from, in double and in plain order.
class Table {
 public:
  explicit Table(at::Tensor const& table) : host_(table.detach().cpu().contiguous()), width_(host_.size(1)) {
    for (std::int64_t row = 0; row < host_.size(0); ++row)
      if (double const norm = norm_of(host_.data_ptr<float>() + row * width_); norm > 0) norms_.push_back(norm);
    if (norms_.empty())
      throw Invalid(Exit::data, "behaviour rows", "the base table is all zero", "load the model first");
    std::nth_element(norms_.begin(), norms_.begin() + static_cast<std::ptrdiff_t>(norms_.size() / 2), norms_.end());
    median_ = norms_[norms_.size() / 2];
  }

  std::int64_t rows() const { return host_.size(0); }
  at::Tensor mean(std::vector<TokenId> const& ids) const {
    std::vector<double> sum(static_cast<std::size_t>(width_));
    for (TokenId const id : ids)
      for (std::int64_t d = 0; d < width_; ++d) sum[d] += host_.data_ptr<float>()[id * width_ + d];
    at::Tensor const out = at::empty({width_}, at::kFloat);
    for (std::int64_t d = 0; d < width_; ++d)
      out.data_ptr<float>()[d] = static_cast<float>(sum[d] / static_cast<double>(ids.size()));
    return out;
  }
  at::Tensor with_median_norm(at::Tensor const& row) const {
    double const norm = norm_of(row.data_ptr<float>());
    return norm > 0 ? row * static_cast<float>(median_ / norm) : row;
  }

 private:
  double norm_of(float const* row) const {
    double sum = 0;
    for (std::int64_t d = 0; d < width_; ++d) sum += static_cast<double>(row[d]) * row[d];
    return std::sqrt(sum);
  }

  at::Tensor host_;
  std::int64_t width_;
  std::vector<double> norms_;
  double median_ = 0;
};

void fill_rows(Decoder const& decoder, std::string const& base, std::string const& rows, std::string const& how,
               std::vector<std::vector<TokenId>> const& descriptions, std::uint64_t seed) {
  Table const table(decoder.parameter(base).value);
  at::Tensor const into = decoder.parameter(rows).value;
  std::vector<TokenId> const& special = decoder.behavior_ids();
  auto const is_base = [&](TokenId id) {
    return id >= 0 && id < table.rows() && std::find(special.begin(), special.end(), id) == special.end();
  };
  std::vector<TokenId> everyone;
  for (TokenId id = 0; id < table.rows(); ++id)
    if (is_base(id)) everyone.push_back(id);
  for (std::size_t k = 0; k < special.size(); ++k) {
    at::Tensor row;
    if (how == "random") {
      row = at::empty({into.size(1)}, at::kFloat);
      fill_bell(row, seed, rows + std::to_string(k), 1);
      row = table.with_median_norm(row);
    } else if (how == "mean") {
      row = table.mean(everyone);
    } else {
      std::vector<TokenId> ids;
      if (k < descriptions.size())
        std::copy_if(descriptions[k].begin(), descriptions[k].end(), std::back_inserter(ids), is_base);
      if (ids.empty())
        throw Invalid(Exit::config, "behavior.init: description",
                      "behaviour " + std::to_string(k) + " has no description",
                      "describe it in the behaviours' file, or use mean or random");
      row = table.mean(ids);  // as it is: scaled up, its logit would drown the vocabulary's
    }
    into[static_cast<std::int64_t>(k)].copy_(row);
  }
}

}  // namespace

void initialise_random(Decoder& decoder, std::uint64_t seed, Filled const& filled) {
  at::NoGradGuard const guard;
  double const deviation = decoder.shape().initializer_range,
               deep = deviation / std::sqrt(2.0 * static_cast<double>(decoder.shape().layers));
  for (Parameter const& parameter : decoder.parameters()) {
    bool const onto = parameter.name.ends_with("o_proj.weight") || parameter.name.ends_with("down_proj.weight");
    if (parameter.name.ends_with("norm.weight"))
      parameter.value.fill_(1);
    else if (parameter.name.ends_with(".bias"))
      parameter.value.zero_();
    else
      fill_bell(parameter.value, seed, parameter.name, onto ? deep : deviation);
    if (parameter.name != "model.embed_tokens.weight" && parameter.name != "lm_head.weight") {
      if (filled) filled(parameter);
      continue;
    }
    for (TokenId const id : decoder.behavior_ids())
      if (id < parameter.value.size(0)) parameter.value[id].zero_();
  }
}

void initialise_behavior_rows(Decoder& decoder, std::string const& how,
                              std::vector<std::vector<TokenId>> const& descriptions, std::uint64_t seed) {
  if (how != "description" && how != "mean" && how != "random")
    throw Invalid(Exit::config, "behavior.init: " + how, "", "use description, mean or random");
  at::NoGradGuard const guard;
  fill_rows(decoder, "model.embed_tokens.weight", "behavior.rows", how, descriptions, seed);
  if (!decoder.shape().tied) fill_rows(decoder, "lm_head.weight", "behavior.head_rows", how, descriptions, seed);
}

}  // namespace bsft
