#include "data/store/reader.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <thread>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/h5.hpp"
#include "tests/base/scratch.hpp"
#include "tests/store/sample.hpp"

namespace bsft {
namespace {

TEST(Reader, ReadsBackExactly) {
  Scratch const scratch("reader");
  for (int const count : {1, 3, 31, 255, 1003}) {
    auto const digest = write_sample(scratch / "a.h5", count);
    StoreReader const reader(scratch / "a.h5");
    EXPECT_NO_THROW(reader.require_certificate());
    auto const& catalog = reader.catalog();
    auto const expected = sample_catalog();
    EXPECT_EQ(catalog.data_digest, digest);
    ASSERT_EQ(catalog.tasks.size(), 2u);
    EXPECT_EQ(catalog.tasks[0].labels, expected.tasks[0].labels);
    EXPECT_EQ(catalog.tasks[0].label_tokens, expected.tasks[0].label_tokens);
    EXPECT_EQ(catalog.tasks[1].group, "reactive");
    EXPECT_EQ(catalog.groups, expected.groups);
    EXPECT_EQ(catalog.suites, expected.suites);
    EXPECT_EQ(catalog.behaviors.digest(), expected.behaviors.digest());
    EXPECT_EQ(catalog.end_token, sample_end);
    EXPECT_EQ(catalog.tokenizer_digest + catalog.template_digest + catalog.converter_digest, "tcv");
    EXPECT_EQ(catalog.template_name, "chatml");
    EXPECT_EQ(catalog.max_length, 64);
    ASSERT_EQ(reader.records().size(), static_cast<std::size_t>(count));
    std::int64_t offset = 0;
    for (int i = 0; i < count; ++i) {
      auto const [record, encoded] = sample(i);
      auto const& info = reader.records()[i];
      auto const& want = encoded.info;
      EXPECT_EQ(info.offset, offset);
      offset += want.length;
      EXPECT_EQ(std::tie(info.prompt_end, info.behavior_end, info.response_end, info.length),
                std::tie(want.prompt_end, want.behavior_end, want.response_end, want.length));
      EXPECT_EQ(
          std::tie(info.task, info.behavior, info.group, info.label, info.level, info.action, info.split, info.suites),
          std::tie(want.task, want.behavior, want.group, want.label, want.level, want.action, want.split, want.suites));
      EXPECT_EQ(info.case_index, i / 3);
      EXPECT_EQ(info.twin_index, record.twin_id.empty() ? -1 : i / 3);
      auto const row = reader.read(i);
      EXPECT_EQ(row.tokens, encoded.row.tokens);
      EXPECT_EQ(row.weights, encoded.row.weights);
      EXPECT_EQ(reader.text(i), to_json_line(record));
      EXPECT_EQ(reader.bytes_of(row.tokens), sample_text(row.tokens));
    }
  }
}

TEST(Reader, SameContentSameBytes) {
  Scratch const scratch("reader");
  write_sample(scratch / "a.h5", 40);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // HDF5 keeps times in seconds
  write_sample(scratch / "b.h5", 40);
  EXPECT_TRUE(read_file(scratch / "a.h5") == read_file(scratch / "b.h5"));
}

TEST(Reader, AnyChangeChangesTheDataDigest) {
  Scratch const scratch("reader");
  std::set<std::string> digests{write_sample(scratch / "a.h5", 9)};
  int changes = 0;
  auto const changed = [&](auto change) {
    ++changes;
    digests.insert(write_sample(scratch / "a.h5", 9, [&](int i, Sample& one) {
      if (i == 7) change(one);
    }));
  };
  changed([](Sample& one) { one.encoded.row.tokens[0] = 77; });
  changed([](Sample& one) { one.encoded.row.weights[0] = 0.5f; });
  changed([](Sample& one) { one.record.turns[0].content += "."; });
  changed([](Sample& one) { one.encoded.info.prompt_end -= 1; });
  changed([](Sample& one) { one.encoded.info.split = Split::dev; });
  changed([](Sample& one) { one.encoded.info.suites = 2; });
  changed([](Sample& one) { one.encoded.info.label = 0; });
  changed([](Sample& one) { one.record.case_id = "another"; });
  changed([](Sample& one) { one.record.twin_id = "another"; });
  EXPECT_EQ(digests.size(), static_cast<std::size_t>(changes) + 1);
}

TEST(Reader, RequiresACertificateOfThisContent) {
  Scratch const scratch("reader");
  auto const refusal = [&](std::string const& certificate) {
    StoreWriter writer;
    auto const one = sample(0);
    writer.add(one.encoded, one.record);
    writer.finish(scratch / "a.h5", sample_catalog(), sample_bytes, [&](auto const&) { return certificate; });
    StoreReader const reader(scratch / "a.h5");
    return message_of<Error>([&] { reader.require_certificate(); });
  };
  Audit failed;
  failed.findings.add("bad");
  EXPECT_NE(refusal(failed.to_json("x")).find("(the audit did not pass) see bsft data audit"), std::string::npos);
  EXPECT_NE(refusal(Audit().to_json("x")).find("(the audit certificate is of other contents) build it again"),
            std::string::npos);
  EXPECT_NE(refusal("[]").find("did not pass"), std::string::npos);
  EXPECT_NE(refusal("{").find("dataset certificate (not JSON"), std::string::npos);
}

// Everything in a file; nothing is checked.
StoreContent content_of(std::filesystem::path const& path) {
  H5Reader const file(path);
  StoreContent all{file.read_text("catalog", 1 << 20), file.read_text("certificate", 1 << 20), {}, {}, {}, {}, {}};
  each_column(all.columns,
              [&]<class T>(char const* name, std::vector<T>& values) { values = file.open<T>(name).read(); });
  all.tokens = file.open<std::int32_t>("tokens").read();
  all.weights = file.open<float>("weights").read();
  all.text = file.read_text("text", 1 << 20);
  all.token_bytes = {file.open<std::int32_t>("vocabulary/ids").read(),
                     file.open<std::int64_t>("vocabulary/offsets").read(),
                     file.open<std::uint8_t>("vocabulary/bytes").read()};
  return all;
}

// Rows that were changed and given new chunk hashes do not fit the audited digest.
TEST(Reader, RefusesOtherContentUnderFreshHashes) {
  Scratch const scratch("reader");
  write_sample(scratch / "a.h5", 6);
  auto const refusal = [&](auto change) {
    auto content = content_of(scratch / "a.h5");
    change(content);
    std::filesystem::remove(scratch / "b.h5");
    write_content(scratch / "b.h5", content);
    return message_of<Error>([&] {
      StoreReader const reader(scratch / "b.h5");
      EXPECT_TRUE(reader.damage(Rows::tokens_and_text).empty());
      reader.require_certificate();
      for (int i = 0; i < 6; ++i) {
        reader.read(i);
        reader.text(i);
      }
    });
  };
  EXPECT_EQ(refusal([](StoreContent&) {}), "");
  std::string const row = "record 2 is not what was written", digest = "the audit certificate is of other contents";
  auto const contains = [](std::string const& text, std::string const& part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(contains(refusal([](auto& c) { c.tokens[c.columns.token_offset[2]] ^= 1; }), row));
  EXPECT_TRUE(contains(refusal([](auto& c) { c.weights[c.columns.token_offset[2]] = 1; }), row));
  EXPECT_TRUE(contains(refusal([](auto& c) { c.text[c.columns.text_offset[2]] = '['; }), row));
  EXPECT_TRUE(contains(refusal([](auto& c) { c.columns.level[2] ^= 1; }), digest));
  EXPECT_TRUE(contains(refusal([](auto& c) { c.columns.token_digest[2] ^= 1; }), digest));
  EXPECT_TRUE(contains(refusal([](auto& c) { c.token_bytes.bytes[2] ^= 1; }), digest));
  EXPECT_TRUE(contains(refusal([](auto& c) { c.catalog.replace(c.catalog.find("chatml"), 6, "chatm_"); }), digest));
}

// A catalogue or column that contradicts the rest is named.
TEST(Reader, RefusesWhatDoesNotHoldTogether) {
  Scratch const scratch("reader");
  auto const refusal = [&](auto change) {
    write_sample(scratch / "a.h5", 6, [&](int i, Sample& one) {
      if (i == 4) change(one.encoded.info);
    });
    return message_of<Broken>([&] { StoreReader const reader(scratch / "a.h5"); });
  };
  EXPECT_NE(
      refusal([](RecordInfo& r) { r.task = TaskId{2}; }).find("dataset records/task (record 4 has 2, not 0 to 1)"),
      std::string::npos);
  EXPECT_NE(refusal([](RecordInfo& r) { r.behavior = BehaviorId{-1}; }).find("records/behavior (record 4"),
            std::string::npos);
  EXPECT_NE(refusal([](RecordInfo& r) { r.group = 9; }).find("records/group (record 4"), std::string::npos);
  EXPECT_NE(refusal([](RecordInfo& r) { r.label = 2; }).find("records/label (record 4 has 2"), std::string::npos);
  EXPECT_NE(refusal([](RecordInfo& r) { r.level = 6; }).find("records/level (record 4"), std::string::npos);
  EXPECT_NE(refusal([](RecordInfo& r) { r.action = 4; }).find("records/action (record 4"), std::string::npos);
  EXPECT_NE(refusal([](RecordInfo& r) { r.split = static_cast<Split>(3); }).find("records/split (record 4"),
            std::string::npos);
  EXPECT_NE(refusal([](RecordInfo& r) { r.suites = 4; }).find("records/suites (record 4"), std::string::npos);
  EXPECT_NE(refusal([](RecordInfo& r) { r.behavior_end = 1000; }).find("the spans of record 4 do not follow"),
            std::string::npos);
  EXPECT_NE(refusal([](RecordInfo& r) { r.prompt_end = -1; }).find("the spans of record 4 do not follow"),
            std::string::npos);
}

}  // namespace
}  // namespace bsft
