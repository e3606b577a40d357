#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "model/store_ops.h"
#include "store/server_store.h"
#include "store/temp_dir.h"

// What the tests of the stores share.
namespace moot::store {

// What a store told. Waiting ends when it told enough, or that it failed.
class Told {
 public:
  StoreHooks hooks() {
    return {.on_commit = [this](Ticket t) { commit(t); },
            .on_error = [this](const Error& e) { error(e); }};
  }
  void commit(Ticket t) {
    const std::scoped_lock lock(mutex_);
    EXPECT_GT(t, upto_) << "tickets grow";
    EXPECT_FALSE(error_) << "nothing is told after a failure";
    upto_ = t;
    signal_.notify_all();
  }
  void error(const Error& e) {
    const std::scoped_lock lock(mutex_);
    EXPECT_FALSE(error_) << "a failure is told once";
    error_ = e;
    signal_.notify_all();
  }
  // Whether everything up to `t` was told to be on disk.
  bool wait(Ticket t) {
    std::unique_lock lock(mutex_);
    signal_.wait(lock, [&] { return upto_ >= t || error_; });
    return upto_ >= t;
  }
  std::string wait_error() {
    std::unique_lock lock(mutex_);
    signal_.wait(lock, [&] { return error_.has_value(); });
    return error_->message;
  }
  void forget_error() {
    const std::scoped_lock lock(mutex_);
    error_.reset();
  }
  Ticket upto() const {
    const std::scoped_lock lock(mutex_);
    return upto_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable signal_;
  Ticket upto_;
  std::optional<Error> error_;
};

inline UserId user(std::string_view name) { return *UserId::parse(name); }

template <class Id>
Id id_of(std::uint64_t n) {
  Id id{};
  put_be64(id.octets.data() + Id::kSize - 8, n);
  return id;
}
inline MsgId msg_id(std::uint64_t n) {
  MsgId id;
  put_be64(id.octets.data() + 8, n);
  return id;
}
inline ChannelId channel_id(std::uint64_t n) {
  ChannelId id;
  put_be64(id.octets.data() + 8, n);
  return id;
}

// A key that no file holds by chance.
inline KeyBytes key_of(std::uint8_t n) {
  KeyBytes key;
  for (std::size_t i = 0; i < KeyBytes::kSize; ++i) {
    key.octets[i] = static_cast<std::uint8_t>(n * 32 + i);
  }
  return key;
}

inline ByteBuf body(std::string_view text) {
  const Bytes b = as_bytes(text);
  return {b.begin(), b.end()};
}

inline OfflineCopy copy_for(Kid kid, std::uint64_t n, std::string_view text) {
  return {.kid = kid,
          .recipient = user("bob"),
          .author = user("ada"),
          .msg_id = msg_id(n),
          .own = false,
          .stored = {1'000 + n},
          .msg = body(text),
          .msg_bytes = static_cast<std::uint32_t>(text.size()),
          .content = id_of<decltype(OfflineCopy::content)>(n)};
}

inline AuditEntry audit_entry(std::uint64_t n) {
  return {.at = {1'700'000'000'000 + n},
          .actor = "uid=0 pid=1 via=socket",
          .action = "key add",
          .account = "ada",
          .kid = "8081828384858687",
          .result = "done " + std::to_string(n)};
}

// A new key for a person, sealed and tagged as an enrolment does it.
inline Credential credential_for(const seal::Vault& vault, std::uint64_t n, std::string_view name,
                                 const KeyBytes& key) {
  Credential c;
  c.kid = id_of<Kid>(n);
  c.account = user(name);
  c.label = "laptop";
  c.created = {5};
  const seal::SealedKey sealed = vault.seal(
      key.bytes(), {.kid = c.kid.bytes(), .account = c.account.str(), .kind = text(c.kind)});
  c.sealed = sealed.octets;
  c.mk_id = sealed.mk_id;
  c.dup.octets = vault.dup_tag(key.bytes());
  return c;
}

inline std::optional<KeyBytes> open_key(const seal::Vault& vault, const Credential& c) {
  KeyBytes key;
  const seal::KeySite site{.kid = c.kid.bytes(), .account = c.account.str(), .kind = text(c.kind)};
  if (!vault.unseal(c.sealed, c.mk_id, site, key.octets)) return std::nullopt;
  return key;
}

// Opens the store of a directory; a failure is the test's.
inline std::unique_ptr<ServerStore> open_server(const std::string& dir, Told& told,
                                                const char* vfs = nullptr,
                                                GroupCommit::Bounds bounds = {}) {
  auto store = ServerStore::open({.dir = dir, .credentials_dir = "", .bounds = bounds, .vfs = vfs},
                                 told.hooks());
  EXPECT_TRUE(store) << (store ? "" : store.error().message);
  return store ? std::move(*store) : nullptr;
}

inline std::string open_error(const std::string& dir, const std::string& credentials = "") {
  const auto store = ServerStore::open(
      {.dir = dir, .credentials_dir = credentials, .bounds = {}, .vfs = nullptr}, {});
  return store ? "" : store.error().message;
}

inline std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}
inline void spill(const std::string& path, std::string_view content, bool tight = true) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << content;
  out.close();
  using std::filesystem::perms;
  std::filesystem::permissions(path,
                               tight ? perms::owner_read | perms::owner_write
                                     : perms::owner_read | perms::owner_write | perms::group_read);
}

}  // namespace moot::store
