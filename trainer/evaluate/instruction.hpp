// The prompts of the instruction arm: a behaviour is asked for in words, not by its token.
//
// The description of the behaviour in the data file's map stands as one more paragraph at the end of the last user
// turn, and the prompt is rendered again with the model's chat template.  Without a behaviour it is the stored prompt's
// text, rendered the same way.
#pragma once

#include "data/tokenizer/chat_template.hpp"
#include "trainer/evaluate/scoring.hpp"

namespace bsft {

PromptSource instructed_prompts(StoreReader const& reader, ChatTemplate const& chat_template);

}  // namespace bsft
