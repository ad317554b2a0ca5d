// Turn a record into tokens, weights and spans: prompt | behaviour token | response | end.
//
//   tokens  = render_prompt(turns), id of the behaviour, render_response(response), end
//   weights = 0 on the prompt, 1 on the rest; λ and what is in the loss are the training's choice
// A label is tokenised as a response of its own, and a response's tokens must begin with its label's: then the label
// that is scored is the label that was taught.  A tokenizer that merges across the label's end breaks this, and the
// record is refused.  Requires the catalogue's names to hold the record's.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "data/store/reader.hpp"
#include "data/tokenizer/chat_template.hpp"

namespace bsft {

struct EncodedRecord {
  RecordInfo info;  // without offset, case and twin
  StoredTokens row;
};

class Encoder {
 public:
  // Both must outlive it.
  Encoder(Catalog const& catalog, ChatTemplate const& chat);
  EncodedRecord encode(Record const& record) const;

 private:
  Catalog const& catalog_;
  ChatTemplate const& chat_;
  std::map<std::string, std::int32_t> tasks_, behaviors_, groups_, suites_;
};

// Tokenises every label; Findings name labels without tokens and labels that become the same tokens.
void encode_labels(Catalog& catalog, ChatTemplate const& chat);

}  // namespace bsft
