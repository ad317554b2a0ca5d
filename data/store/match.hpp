// Do a data file and a model belong together?
//
// require_match compares the file's digests with those of the model's tokenizer, chat template and behaviour map and
// with this program's converter, and names every one that differs and the command that builds the file again.
//   tokenizer  without the behaviour tokens' ids, so that a checkpoint of ours, whose tokenizer has learned them,
//              matches the file its base model was trained on
//   behaviors  names, tokens and ids that the model's folder would give them (rows: vocab_size of its config.json)
// Errors: Invalid(data).
#pragma once

#include "data/store/reader.hpp"
#include "data/tokenizer/chat_template.hpp"

namespace bsft {

// Fills the catalogue's digests; its behaviours must be there.
void set_digests(Catalog& catalog, Tokenizer const& tokenizer, ChatTemplate const& chat);
void require_match(Catalog const& catalog, Tokenizer const& tokenizer, ChatTemplate const& chat, TokenId rows);

}  // namespace bsft
