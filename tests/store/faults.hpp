// Everything the audit refuses in one record, as changes to a good one.
#pragma once

#include <vector>

#include "tests/store/sample.hpp"

namespace bsft {

struct Fault {
  char const* name;
  std::function<void(Sample&)> change;
  char const* says;
};

inline std::vector<Fault> faults() {
  return {
      {"all-zero mask", [](Sample& s) { s.encoded.row.weights.assign(s.encoded.row.weights.size(), 0); },
       "nothing is supervised (all-zero mask)"},
      {"all-one mask", [](Sample& s) { s.encoded.row.weights.assign(s.encoded.row.weights.size(), 1); },
       "everything is supervised (all-one mask)"},
      {"dropped end",
       [](Sample& s) {
         s.encoded.row.tokens.pop_back();
         s.encoded.row.weights.pop_back();
         s.encoded.info.length -= 1;
       },
       "the end token is dropped"},
      {"other end", [](Sample& s) { s.encoded.row.tokens.back() = 21; }, "the end token is dropped"},
      {"masked end", [](Sample& s) { s.encoded.row.weights.back() = 0; }, "the end token is not supervised"},
      {"truncated answer",
       [](Sample& s) {
         auto& [info, row] = s.encoded;
         row.tokens.erase(row.tokens.end() - 2);
         row.weights.pop_back();
         --info.response_end, --info.length;
       },
       "the answer is truncated"},
      {"other answer", [](Sample& s) { s.encoded.row.tokens[s.encoded.info.behavior_end + 2] = 20; },
       "the answer is truncated"},
      {"no behaviour token", [](Sample& s) { s.encoded.row.tokens[s.encoded.info.prompt_end] = 33; },
       "the behaviour token is missing"},
      {"other behaviour", [](Sample& s) { s.encoded.row.tokens[s.encoded.info.prompt_end] = sample_reactive; },
       "another behaviour's"},
      {"second behaviour token", [](Sample& s) { s.encoded.row.tokens[1] = sample_proactive; }, "stands elsewhere"},
      {"empty prompt",
       [](Sample& s) {
         auto& [info, row] = s.encoded;
         row.tokens.erase(row.tokens.begin(), row.tokens.begin() + info.prompt_end);
         row.weights.erase(row.weights.begin(), row.weights.begin() + info.prompt_end);
         row.weights[0] = 0;
         info.behavior_end -= info.prompt_end, info.response_end -= info.prompt_end, info.length -= info.prompt_end;
         info.prompt_end = 0;
       },
       "the prompt is empty"},
      {"supervised prompt", [](Sample& s) { s.encoded.row.weights[1] = 1; },
       "the weight of token 1 does not follow its span"},
      {"masked answer", [](Sample& s) { s.encoded.row.weights[s.encoded.info.behavior_end] = 0; },
       "does not follow its span"},
      {"over-long",
       [](Sample& s) {
         auto& [info, row] = s.encoded;
         row.tokens.insert(row.tokens.begin(), 60, 40);
         row.weights.insert(row.weights.begin(), 60, 0);
         info.prompt_end += 60, info.behavior_end += 60, info.response_end += 60, info.length += 60;
       },
       "over-long: 73 tokens, at most 64"},
      {"other label", [](Sample& s) { s.encoded.info.label = 1; }, "do not begin with those of its label \"PROCEED\""},
  };
}

}  // namespace bsft
