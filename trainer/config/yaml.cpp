#include "trainer/config/yaml.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <set>
#include <sstream>

#include "data/base/error.hpp"

namespace bsft {
namespace {

// Ends the parse: the finding is written.
struct Stop : std::exception {};

// Offset of the first byte that is not UTF-8 or a control character that YAML does not have; npos: none.
std::size_t first_bad_byte(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    unsigned char const c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7F) return i;
      ++i;
      continue;
    }
    std::size_t const length = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if (c < 0xC2 || c > 0xF4 || i + length > text.size()) return i;
    unsigned code = c & (0xFF >> (length + 1));
    for (std::size_t k = 1; k < length; ++k) {
      unsigned char const next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0) != 0x80) return i;
      code = code << 6 | (next & 0x3F);
    }
    bool const overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    if (overlong || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return i;
    i += length;
  }
  return std::string_view::npos;
}

bool is_null(std::string const& text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string const& file, std::vector<std::string>& findings, YamlLimits const& limits)
      : file_(file), findings_(findings), limits_(limits) {}

  Yaml root;

  void OnDocumentStart(YAML::Mark const&) override {}
  void OnDocumentEnd() override {}
  void OnNull(YAML::Mark const& mark, YAML::anchor_t anchor) override { leaf(mark, "", anchor, "", false); }
  void OnScalar(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
                std::string const& value) override {
    leaf(mark, tag, anchor, value, tag == "!");
  }
  void OnAlias(YAML::Mark const& mark, YAML::anchor_t anchor) override {
    Place const here = place(mark);
    if (++aliases_ > limits_.aliases)
      stop(here, "too many aliases", "at most " + std::to_string(limits_.aliases), "write the values out");
    auto const found = anchors_.find(anchor);
    if (found == anchors_.end() || !found->second)
      stop(here, "an alias inside what it stands for", "a cycle without end", "write the value out");
    auto copy = std::make_shared<YamlNode>(*found->second);
    copy->place = here;
    count(here, copy->size);
    add(std::move(copy));
  }
  void OnSequenceStart(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::list);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::map);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    std::shared_ptr<YamlNode> node;
    YAML::anchor_t anchor;
    bool has_key = false;
    YamlNode::Entry entry;              // the key that waits for its value
    std::map<std::string, Place> seen;  // keys so far
    bool duplicate = false;
  };

  Place place(YAML::Mark const& mark) const { return {file_, mark.line + 1, mark.column + 1}; }
  [[noreturn]] void stop(Place const& where, std::string const& what, std::string const& why, std::string const& fix) {
    findings_.push_back(finding(where, what, why, fix));
    throw Stop();
  }
  void count(Place const& where, std::size_t nodes) {
    nodes_ += nodes;
    if (nodes_ > limits_.nodes)
      stop(where, "too many nodes", "at most " + std::to_string(limits_.nodes) + ", aliases expanded",
           "make it shorter");
  }
  void check_tag(YAML::Mark const& mark, std::string const& tag) {
    if (!tag.empty() && tag != "?" && tag != "!")
      stop(place(mark), "tag " + tag, "types come from the key, not from the file", "remove the tag");
  }

  void leaf(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor, std::string const& text,
            bool quoted) {
    check_tag(mark, tag);
    if (text.size() > limits_.scalar_bytes)
      stop(place(mark), "too long", "a value has at most " + std::to_string(limits_.scalar_bytes) + " bytes", "");
    count(place(mark), 1);
    auto node = std::make_shared<YamlNode>();
    node->kind = !quoted && is_null(text) ? YamlNode::Kind::null : YamlNode::Kind::scalar;
    node->place = place(mark);
    node->text = text;
    node->quoted = quoted;
    if (anchor != 0) anchors_[anchor] = node;
    add(std::move(node));
  }

  void open(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor, YamlNode::Kind kind) {
    check_tag(mark, tag);
    count(place(mark), 1);
    if (stack_.size() >= limits_.depth)
      stop(place(mark), "too deep", "at most " + std::to_string(limits_.depth) + " levels", "");
    if (!stack_.empty() && stack_.back().node->kind == YamlNode::Kind::map && !stack_.back().has_key)
      stop(place(mark), "a list or a map as a key", "keys are words", "is a bracket left open?");
    auto node = std::make_shared<YamlNode>();
    node->kind = kind;
    node->place = place(mark);
    if (anchor != 0) anchors_[anchor] = nullptr;  // open: an alias to it now would be a cycle
    stack_.push_back({std::move(node), anchor, false, {}, {}, false});
  }

  void close() {
    Open done = std::move(stack_.back());
    stack_.pop_back();
    if (done.anchor != 0) anchors_[done.anchor] = done.node;
    add(std::move(done.node));
  }

  void add(std::shared_ptr<YamlNode> node) {
    if (stack_.empty()) {
      root = std::move(node);
      return;
    }
    Open& parent = stack_.back();
    if (parent.node->kind == YamlNode::Kind::map && !parent.has_key) {
      take_key(parent, *node);
      return;
    }
    parent.node->size += node->size;
    parent.has_key = false;
    if (parent.node->kind == YamlNode::Kind::list) {
      parent.node->items.push_back(std::move(node));
    } else if (!parent.duplicate) {
      parent.entry.value = std::move(node);
      parent.node->entries.push_back(std::move(parent.entry));
    }
  }

  void take_key(Open& parent, YamlNode const& key) {
    if (key.kind != YamlNode::Kind::scalar || key.text.size() > limits_.key_bytes)
      stop(key.place, "not a key", "keys are words of at most " + std::to_string(limits_.key_bytes) + " bytes", "");
    if (key.text == "<<") stop(key.place, "merge key <<", "it was dropped from YAML 1.2", "write the keys out");
    auto const [first, fresh] = parent.seen.emplace(key.text, key.place);
    if (!fresh)
      findings_.push_back(
          finding(key.place, "duplicate key " + key.text, "first at " + first->second.text(), "keep one of them"));
    parent.duplicate = !fresh;
    parent.entry = {key.text, key.place, nullptr};
    parent.has_key = true;
    parent.node->size += 1;
  }

  std::string const& file_;
  std::vector<std::string>& findings_;
  YamlLimits const& limits_;
  std::vector<Open> stack_;
  std::map<YAML::anchor_t, std::shared_ptr<YamlNode const>> anchors_;
  std::size_t nodes_ = 0, aliases_ = 0;
};

// Line and column of a byte.
Place place_of(std::string const& file, std::string_view text, std::size_t byte) {
  Place place{file, 1, 1};
  for (char const c : text.substr(0, byte)) {
    place.column = c == '\n' ? 1 : place.column + 1;
    place.line += c == '\n';
  }
  return place;
}

}  // namespace

std::string Place::text() const {
  return line == 0 ? file : file + ":" + std::to_string(line) + (column == 0 ? "" : ":" + std::to_string(column));
}

std::string finding(Place const& place, std::string_view what, std::string_view why, std::string_view fix) {
  return place.text() + ": " + one_line(what, why, fix);
}

Yaml parse_yaml(std::string_view text, std::string const& file, std::vector<std::string>& findings,
                YamlLimits const& limits) {
  auto const nothing = std::make_shared<YamlNode>();
  if (text.size() > limits.bytes) {
    findings.push_back(finding({file, 0, 0}, "too large",
                               std::to_string(text.size()) + " bytes, at most " + std::to_string(limits.bytes)));
    return nothing;
  }
  if (std::size_t const bad = first_bad_byte(text); bad != std::string_view::npos) {
    findings.push_back(
        finding(place_of(file, text, bad), "byte " + std::to_string(bad), "not UTF-8 text", "save the file as UTF-8"));
    return nothing;
  }
  TreeBuilder tree(file, findings, limits);
  std::istringstream stream{std::string(text)};
  // yaml-cpp reports its own limits and syntax by exception; here they become findings of this file.
  try {
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(tree)) return nothing;
    TreeBuilder rest(file, findings, limits);
    if (parser.HandleNextDocument(rest))
      findings.push_back(finding(rest.root ? rest.root->place : Place{file, 0, 0}, "a second document",
                                 "a configuration is one", "remove ---"));
  } catch (Stop const&) {
    return nothing;
  } catch (YAML::Exception const& error) {
    bool const known = !error.mark.is_null();
    findings.push_back(
        finding({file, known ? error.mark.line + 1 : 0, known ? error.mark.column + 1 : 0}, "not YAML", error.msg, ""));
    return nothing;
  }
  return tree.root ? tree.root : nothing;
}

}  // namespace bsft
