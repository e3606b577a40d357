#pragma once

#include <gtest/gtest.h>

#include <string>

#include "store/db.h"
#include "store/support_test.h"

// Hands that get at a store's file while no server runs.
namespace moot::store {

inline void edit(const std::string& path, const char* sql) {
  auto db = Db::open(path, Db::Mode::read_write, nullptr);
  ASSERT_TRUE(db);
  (*db)->exec(sql);
  (*db)->checkpoint_all();
  (*db)->keep_log_on_close(false);
  EXPECT_TRUE((*db)->ok()) << (*db)->status().error().message;
}

// A store with two accounts, their keys, two kept messages, a channel record and three audit lines.
struct Furnished {
  explicit Furnished(const std::string& dir) {
    Told told;
    const auto store = open_server(dir, told);
    const seal::Vault& vault = store->vault();
    store->submit(
        Ticket{1},
        {op::PutAccount{{.id = user("ada"), .name = "Ada"}},
         op::PutAccount{{.id = user("bob"), .name = "Bob"}},
         op::PutCredential{credential_for(vault, 1, "ada", key_of(11))},
         op::PutCredential{credential_for(vault, 2, "bob", key_of(12))},
         op::PutOffline{copy_for(id_of<Kid>(2), 1, "first kept text")},
         op::PutOffline{copy_for(id_of<Kid>(2), 2, "other kept text")},
         op::PutStampKey{{.id = 1, .key = key_of(13)}},
         op::PutRecord{{.channel = channel_id(1), .id = msg_id(1), .msg = body("a record text")}},
         op::PutRecord{{.channel = channel_id(1), .id = msg_id(2), .msg = body("b record text")}},
         op::Audit{audit_entry(1)}, op::Audit{audit_entry(2)}, op::Audit{audit_entry(3)}});
    EXPECT_TRUE(told.wait(Ticket{1}));
  }
};

// Everything in it is there and opens.
inline void expect_furnished(const std::string& dir) {
  Told told;
  const auto store = open_server(dir, told);
  ASSERT_TRUE(store);
  const auto s = store->load();
  ASSERT_TRUE(s) << s.error().message;
  ASSERT_EQ(s->accounts.size(), 2u);
  ASSERT_EQ(s->credentials.size(), 2u);
  EXPECT_EQ(open_key(store->vault(), s->credentials[0]), key_of(11));
  EXPECT_EQ(open_key(store->vault(), s->credentials[1]), key_of(12));
  EXPECT_EQ(s->credentials[0].dup.octets, store->vault().dup_tag(key_of(11).bytes()));
  EXPECT_EQ(s->offline.size(), 2u);
  ASSERT_EQ(s->stamp_keys.size(), 1u);
  EXPECT_EQ(s->stamp_keys[0].key, key_of(13));
  const Status whole = store->check();
  EXPECT_TRUE(whole) << whole.error().message;
  const auto audit = store->audit_verify();
  ASSERT_TRUE(audit);
  EXPECT_EQ(audit->trouble, "");
  EXPECT_EQ(audit->lines, 3u);
}

inline bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace moot::store
