// The wires of a group of GPUs: grouped ncclSend and ncclRecv on one stream.
//
// Of CUDA it knows the stream's handle alone, and of tensors where they lie: tests/comm/nccl_link_test.cpp runs it over
// a stand-in for the NCCL calls that it makes, on the host.
// Errors: Failed(peer_lost) with NCCL's words, of the call or of what went on in the background since the last one.
#pragma once

#include <nccl.h>

#include <memory>

#include "trainer/comm/link.hpp"

namespace bsft {

// Throws Failed(peer_lost) naming `call` unless `code` is ncclSuccess.
void check_nccl(ncclResult_t code, char const* call);

// Collective over the ranks that have this id.  The stream must outlive the link.
std::unique_ptr<Link> nccl_link(ncclUniqueId const& id, int rank, int size, cudaStream_t stream);

}  // namespace bsft
