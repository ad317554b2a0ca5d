#include "trainer/comm/nccl_link.hpp"

#include "data/base/error.hpp"

namespace bsft {

void check_nccl(ncclResult_t code, char const* call) {
  if (code == ncclSuccess) return;
  throw Failed(Exit::peer_lost, call, ncclGetErrorString(code),
               "look for the first rank that failed, then start again with --resume auto");
}

namespace {

class NcclLink final : public Link {
 public:
  NcclLink(ncclComm_t owned, cudaStream_t stream) : comm_(owned), stream_(stream) {
    check_nccl(ncclCommUserRank(comm_, &rank_), "ncclCommUserRank");
    check_nccl(ncclCommCount(comm_, &size_), "ncclCommCount");
  }
  ~NcclLink() override { ncclCommAbort(comm_); }  // destroy would wait for a peer that may be gone
  NcclLink(NcclLink const&) = delete;
  NcclLink& operator=(NcclLink const&) = delete;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::string name() const override { return "nccl"; }

  void move(std::span<Message const> out, std::span<Message const> in) override {
    check_background();
    check_nccl(ncclGroupStart(), "ncclGroupStart");
    ncclResult_t sent = ncclSuccess, taken = ncclSuccess;
    for (Message const& m : out) {
      if (sent == ncclSuccess && m.x.numel() > 0)
        sent = ncclSend(m.x.const_data_ptr(), m.x.nbytes(), ncclUint8, m.rank, comm_, stream_);
    }
    for (Message const& m : in) {
      if (taken == ncclSuccess && m.x.numel() > 0)
        taken = ncclRecv(m.x.data_ptr(), m.x.nbytes(), ncclUint8, m.rank, comm_, stream_);
    }
    ncclResult_t const done = ncclGroupEnd();  // in any case: a group that stays open swallows the next calls
    check_nccl(sent, "ncclSend");
    check_nccl(taken, "ncclRecv");
    check_nccl(done, "ncclGroupEnd");
  }

  bool sum(at::Tensor const& x) override {
    check_background();
    ncclDataType_t const type = x.scalar_type() == at::kFloat ? ncclFloat32 : ncclFloat64;
    check_nccl(ncclAllReduce(x.const_data_ptr(), x.data_ptr(), std::size_t(x.numel()), type, ncclSum, comm_, stream_),
               "ncclAllReduce");
    return true;
  }

  std::unique_ptr<Link> split(int color) override {
    ncclComm_t some = nullptr;
    check_nccl(ncclCommSplit(comm_, color < 0 ? NCCL_SPLIT_NOCOLOR : color, rank_, &some, nullptr), "ncclCommSplit");
    return some ? std::make_unique<NcclLink>(some, stream_) : nullptr;
  }

  void stop() override {}  // nothing here waits: the stream does

 private:
  void check_background() const {
    ncclResult_t state = ncclSuccess;
    check_nccl(ncclCommGetAsyncError(comm_, &state), "ncclCommGetAsyncError");
    if (state != ncclInProgress) check_nccl(state, "NCCL, in the background");
  }

  ncclComm_t comm_;
  cudaStream_t stream_;
  int rank_ = 0, size_ = 1;
};

}  // namespace

std::unique_ptr<Link> nccl_link(ncclUniqueId const& id, int rank, int size, cudaStream_t stream) {
  ncclComm_t comm = nullptr;
  check_nccl(ncclCommInitRank(&comm, size, id, rank), "ncclCommInitRank");
  return std::make_unique<NcclLink>(comm, stream);
}

}  // namespace bsft
