#include <algorithm>
#include <cstring>
#include <set>

#include "data/base/error.hpp"
#include "data/base/safetensors.hpp"
#include "kernels/op/torch.hpp"
#include "trainer/model/weights.hpp"

namespace bsft {
namespace {

std::string text(std::vector<std::int64_t> const& sizes) {
  std::string out = "[";
  for (std::size_t i = 0; i < sizes.size(); ++i) out += (i ? ", " : "") + std::to_string(sizes[i]);
  return out + "]";
}

at::ScalarType type_of(TensorView const& view, std::string const& where) {
  if (view.dtype == "F32") return at::kFloat;
  if (view.dtype == "BF16") return at::kBFloat16;
  if (view.dtype == "F16") return at::kHalf;
  throw Invalid(Exit::data, where + ": " + view.name, "dtype " + view.dtype, "use weights in F32, BF16 or F16");
}

class Loader {
 public:
  explicit Loader(std::filesystem::path const& folder) : where_(folder.string()), files_(folder) {}

  // The tensor in fp32, checked.
  at::Tensor read(std::string const& name, std::vector<std::int64_t> const& sizes, std::int64_t most_rows) {
    TensorView const* const view = files_.find(name);
    if (view == nullptr) throw Broken(where_ + ": " + name, "it is missing");
    bool same = view->shape.size() == sizes.size() && view->shape[0] >= sizes[0] && view->shape[0] <= most_rows;
    for (std::size_t i = 1; same && i < sizes.size(); ++i) same = view->shape[i] == sizes[i];
    if (!same)
      throw Broken(where_ + ": " + name, "its shape is " + text(view->shape) + ", config.json asks for " + text(sizes));
    at::Tensor const raw = at::empty(view->shape, type_of(*view, where_));
    if (raw.nbytes() != view->bytes.size()) throw Broken(where_ + ": " + name, "its bytes do not fit its shape");
    std::memcpy(raw.data_ptr(), view->bytes.data(), view->bytes.size());
    at::Tensor wide = raw.to(at::kFloat);
    if (!wide.isfinite().all().item<bool>()) throw Broken(where_ + ": " + name, "it holds a NaN or an infinity");
    used_.insert(name);
    return wide;
  }

  std::vector<std::string> unused(bool tied) const {
    std::vector<std::string> left;
    for (std::string const& name : files_.names()) {
      bool const derived = name.ends_with("rotary_emb.inv_freq") || (tied && name == "lm_head.weight");
      if (!derived && !used_.contains(name)) left.push_back(name);
    }
    return left;
  }

 private:
  std::string where_;
  SafetensorsFolder files_;
  std::set<std::string> used_;
};

// Splits a folder's table into the base table and the behaviour rows.
void take_table(Decoder const& decoder, at::Tensor const& table, std::string const& base, std::string const& rows) {
  at::Tensor const into = decoder.parameter(base).value, behavior = decoder.parameter(rows).value;
  into.copy_(table.narrow(0, 0, into.size(0)));
  for (std::size_t k = 0; k < decoder.behavior_ids().size(); ++k) {
    std::int64_t const id = decoder.behavior_ids()[k];
    if (id < table.size(0)) behavior[static_cast<std::int64_t>(k)].copy_(table[id]);
    if (id < into.size(0)) into[id].zero_();
  }
}

}  // namespace

LoadReport load_weights(Decoder& decoder, std::filesystem::path const& folder, Filled const& filled) {
  at::NoGradGuard const guard;
  Loader loader(folder);
  LoadReport report;
  for (Parameter const& parameter : decoder.parameters()) {
    if (parameter.name.starts_with("behavior.")) continue;
    bool const head = parameter.name == "lm_head.weight", table = head || parameter.name == "model.embed_tokens.weight";
    std::vector<std::int64_t> const sizes = parameter.value.sizes().vec();
    at::Tensor const value = loader.read(parameter.name, sizes, table ? decoder.exported_vocabulary() : sizes[0]);
    if (!table) {
      parameter.value.copy_(value);
      if (filled) filled(parameter);
      continue;
    }
    take_table(decoder, value, parameter.name, head ? "behavior.head_rows" : "behavior.rows");
    if (!head)
      for (TokenId const id : decoder.behavior_ids())
        if (id >= value.size(0)) report.behavior_missing.push_back(id);
  }
  report.unexpected = loader.unused(decoder.shape().tied);
  return report;
}

bool carries_behaviors(Tokenizer const& tokenizer, BehaviorMap const& behaviors) {
  return std::all_of(behaviors.tokens.begin(), behaviors.tokens.end(),
                     [&](BehaviorToken const& token) { return tokenizer.find(token.token) == token.id; });
}

}  // namespace bsft
