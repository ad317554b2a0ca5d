// Which machine this process runs on, so that ranks can tell who shares one.
//
// id: the boot id of the kernel, which two containers of one machine share and two machines of one name do not; the
// name where there is none.  Any thread.
#pragma once

#include <string>

namespace bsft {

struct Host {
  std::string name, id;
};

Host this_host();

}  // namespace bsft
