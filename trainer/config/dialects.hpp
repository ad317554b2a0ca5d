// Other tools' names for our keys, used in error text only.
//
// Source: Hugging Face Trainer and TRL, axolotl, torchtune, LLaMA-Factory, NeMo AutoModel, torchtitan.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

namespace bsft {

struct Foreign {
  std::string tool;    // "Hugging Face's"; empty: not a name we know
  std::string advice;  // "here it is train.global_batch_size, …", or why there is no such key
};

// `name`: a leaf or dotted key as typed.
Foreign foreign_key(std::string const& name);
// The table behind it; `key` is empty where there is none here.
struct ForeignName {
  char const *name, *tool, *key, *remark;
};
std::pair<ForeignName const*, std::size_t> foreign_names();

}  // namespace bsft
