// The CPU's instruction sets: all bodies are compiled for each, one is chosen at run time.
//
// All give the same bits (tests/kernels/determinism_test.cpp), so the choice is speed only.  The widest that is built
// and that the machine has is taken; BSFT_CPU_ISA=baseline|v3|v4 takes another.  Throws Unavailable for one that is not
// here.
#pragma once

#include <string>
#include <vector>

namespace bsft::run {

enum class Isa { baseline, v3, v4 };

std::vector<Isa> cpu_sets();  // narrowest first
std::string name(Isa isa);
Isa cpu_set();
void use_cpu_set(Isa isa);

}  // namespace bsft::run
