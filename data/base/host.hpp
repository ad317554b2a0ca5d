// Which machine this process runs on, so that ranks can tell who shares one.
//
// id: the boot id of the kernel, which two containers of one machine share and two machines of one name do not; the
// name where there is none.
// place: where a process number means the same: host and process namespace.
// process_tag: "HHHHHHHH-PID", for file names: no two live processes that share a folder have the same.  Any thread.
#pragma once

#include <string>

namespace bsft {

struct Host {
  std::string name, id;
};

Host this_host();
std::string this_place();
std::string process_tag();

}  // namespace bsft
