// Read one YAML scalar strictly.
//
// A whole number is -?(0|[1-9][0-9]*), so 010 and 1e3 are refused; a number adds a fraction and an exponent (1e-4);
// a switch is true or false, so yes, no, on, off and True are refused.  Quoted scalars are text, never numbers.
// Each function returns an empty string and sets `value`, or returns the problem, `what (why) what to do`.
#pragma once

#include <cstdint>
#include <string>

#include "trainer/config/yaml.hpp"

namespace bsft {

std::string read_scalar(YamlNode const& node, std::int64_t& value);
std::string read_scalar(YamlNode const& node, std::uint64_t& value);
std::string read_scalar(YamlNode const& node, double& value);
std::string read_scalar(YamlNode const& node, bool& value);
std::string read_scalar(YamlNode const& node, std::string& value);

// Text as YAML that read_scalar reads back: plain where that is unambiguous, in double quotes elsewhere.
std::string write_scalar(std::string const& value);
// The shortest text that reads back as the same number.
std::string write_scalar(double value);

}  // namespace bsft
