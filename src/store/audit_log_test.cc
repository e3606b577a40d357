#include "store/audit_log.h"

#include <nlohmann/json.hpp>

#include "base/hex.h"
#include "store/edit_test.h"

namespace moot::store {
namespace {

AuditReport verify(const std::string& dir) {
  Told told;
  const auto store = open_server(dir, told);
  const auto report = store->audit_verify();
  EXPECT_TRUE(report) << report.error().message;
  return report ? *report : AuditReport{};
}

void write_lines(const std::string& dir, std::uint64_t n) {
  Told told;
  const auto store = open_server(dir, told);
  std::vector<op::Any> ops;
  for (std::uint64_t i = 1; i <= n; ++i) ops.push_back(op::Audit{audit_entry(i)});
  store->submit(Ticket{1}, std::move(ops));
  ASSERT_TRUE(told.wait(Ticket{1}));
}

TEST(AuditLog, IsJsonLinesThatEachNameTheHashOfTheOneBefore) {
  TempDir dir;
  write_lines(dir.path(), 3);
  Told told;
  const auto store = open_server(dir.path(), told);
  store->submit(Ticket{1}, {op::Audit{{.at = {0},
                                       .actor = "uid=0 \"x\"\n\\",
                                       .action = "user add",
                                       .account = "bob",
                                       .kid = "",
                                       .result = "\x01\xc3\xa9"}}});
  std::vector<std::string> lines;
  ASSERT_TRUE(store->audit_export(0, [&](std::string_view line) { lines.emplace_back(line); }));
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0].substr(0, 40), "{\"seq\":1,\"ts\":\"2023-11-14T22:13:20.001Z\"");
  std::string prev(64, '0');
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto json = nlohmann::json::parse(lines[i]);
    EXPECT_EQ(json.at("seq"), i + 1);
    EXPECT_EQ(json.at("prev"), prev);
    EXPECT_EQ(json.size(), 8u);
    prev = hex(seal::blake2b(as_bytes(lines[i])));
  }
  EXPECT_EQ(nlohmann::json::parse(lines[3]).at("actor"), "uid=0 \"x\"\n\\");
  EXPECT_EQ(store->audit_tail(2), (std::vector{lines[2], lines[3]}));
  std::vector<std::string> rest;
  ASSERT_TRUE(store->audit_export(3, [&](std::string_view line) { rest.emplace_back(line); }));
  EXPECT_EQ(rest, std::vector{lines[3]});
}

TEST(AuditLog, GoesOnAfterARestart) {
  TempDir dir;
  write_lines(dir.path(), 2);
  write_lines(dir.path(), 2);
  const AuditReport report = verify(dir.path());
  EXPECT_EQ(report.trouble, "");
  EXPECT_EQ(report.lines, 4u);
}

TEST(AuditLog, AnEmptyLogIsWhole) {
  TempDir dir;
  EXPECT_EQ(verify(dir.path()).trouble, "");
}

TEST(AuditLog, ST_04_AuditLineEdited) {
  const struct {
    const char* sql;
    const char* trouble;
  } kEdits[] = {
      {"UPDATE audit SET line=replace(line, 'done 2', 'done 9') WHERE seq=2", "Line 3 "},
      {"UPDATE audit SET line=replace(line, 'done 5', 'done 9') WHERE seq=5", "Line 5 "},
      {"DELETE FROM audit WHERE seq=1", "Line 1 "},
      {"DELETE FROM audit WHERE seq=3", "Line 3 "},
      {"DELETE FROM audit WHERE seq=5", "Line 4 "},
      {"DELETE FROM audit", "Line 0 "},
      {"DELETE FROM meta WHERE key='audit_head'", "Line 5 "},
      {"UPDATE audit SET seq=99 WHERE seq=2; UPDATE audit SET seq=2 WHERE seq=3; "
       "UPDATE audit SET seq=3 WHERE seq=99",
       "Line 2 "},
      {"DELETE FROM audit WHERE seq=2; UPDATE audit SET seq=seq-1 WHERE seq>2", "Line 2 "},
      {"INSERT INTO audit SELECT 6, line FROM audit WHERE seq=5", "Line 6 "},
      {"UPDATE audit SET line='' WHERE seq=4", "Line 4 "},
  };
  for (const auto& e : kEdits) {
    TempDir dir;
    write_lines(dir.path(), 5);
    edit(dir / "store.db", e.sql);
    const std::string trouble = verify(dir.path()).trouble;
    EXPECT_TRUE(trouble.starts_with(e.trouble)) << e.sql << ": " << trouble;
  }
}

// Whoever can hash can make the chain fit again; not the checkpoint, nor the tag of the end.
TEST(AuditLog, ARebuiltChainStopsAtTheNextCheckpoint) {
  TempDir dir;
  write_lines(dir.path(), 1'500);
  EXPECT_EQ(verify(dir.path()).trouble, "");
  {
    auto db = Db::open(dir / "store.db", Db::Mode::read_write, nullptr);
    ASSERT_TRUE(db);
    std::vector<std::string> lines;
    {
      Query q = (*db)->query("SELECT line FROM audit ORDER BY seq");
      while (q.next()) lines.push_back(q.string(0));
    }
    lines[699].replace(lines[699].find("done 700"), 8, "done 007");
    (*db)->exec("BEGIN");
    for (std::uint64_t i = 699; i < lines.size(); ++i) {
      const std::string prev = hex(seal::blake2b(as_bytes(lines[i - 1])));
      lines[i].replace(lines[i].size() - 66, 64, prev);
      (*db)->query("UPDATE audit SET line=? WHERE seq=?").bind(lines[i], i + 1).run();
    }
    (*db)->exec("COMMIT");
    ASSERT_TRUE((*db)->ok());
  }
  EXPECT_TRUE(verify(dir.path()).trouble.starts_with("Line 1000 ")) << verify(dir.path()).trouble;
  edit(dir / "store.db", "DELETE FROM audit_checkpoint");
  EXPECT_TRUE(verify(dir.path()).trouble.starts_with("Line 1000 ")) << verify(dir.path()).trouble;
}

TEST(AuditLog, ARotationOfTheMasterKeyLeavesTheLogWhole) {
  TempDir dir;
  write_lines(dir.path(), 1'001);
  {
    Told told;
    ASSERT_TRUE(open_server(dir.path(), told)->master_rotate());
  }
  EXPECT_EQ(verify(dir.path()).trouble, "");
}

}  // namespace
}  // namespace moot::store
