// bsft data audit: read a data file back, audit every row, print the table.
#include <iostream>

#include "data/store/audit.hpp"
#include "launch/commands/commands.hpp"

namespace bsft {
namespace {

int run(Arguments const& arguments) {
  auto const& name = arguments.positional.at(0);
  StoreReader const reader(name);
  auto const& catalog = reader.catalog();
  Audit const audit = audit_store(reader, name);
  std::cout << audit.table(catalog) << "tokenizer " << catalog.tokenizer_digest << "  template "
            << catalog.template_digest << " (" << catalog.template_name << ")\nbehaviors " << catalog.behavior_digest
            << "  converter " << catalog.converter_digest << "\ndata      " << catalog.data_digest << '\n'
            << (audit.passed() ? "audit passed"
                               : "audit FAILED: " + std::to_string(audit.findings.count()) + " findings")
            << std::endl;
  audit.findings.throw_any(Exit::data);
  return static_cast<int>(Exit::done);
}

}  // namespace

Command data_audit_command() {
  return {"data audit", "Prepare", "audit every row of a data file; exit 65 where it fails",
          "FILE.h5",    {},        {"bsft data audit runs/behaviorbench.h5"},
          run};
}

}  // namespace bsft
