#include "net/local_socket.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/temp_dir.h"

namespace moot::net {
namespace {

class LocalSocket : public testing::Test {
 protected:
  const store::TempDir dir_;
  const std::string path_ = dir_ / "wall";
};

TEST_F(LocalSocket, KnowsWhoConnected) {
  const auto listener = listen_local(path_, 0660, 1);
  ASSERT_TRUE(listener.has_value()) << listener.error().message;
  struct stat s{};
  ASSERT_EQ(::stat(path_.c_str(), &s), 0);
  EXPECT_EQ(s.st_mode & 0777, 0660u);
  const auto at = local_address(path_, "path");
  const int one = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::connect(one, reinterpret_cast<const sockaddr*>(&*at), sizeof *at), 0);
  const int other = ::accept(*listener, nullptr, nullptr);
  EXPECT_EQ(peer_uid(other), ::geteuid());
  for (const int fd : {one, other, *listener}) ::close(fd);
}

TEST_F(LocalSocket, ReplacesOneThatNobodyListensAt) {
  const auto first = listen_local(path_, 0660, 1);
  ASSERT_TRUE(first.has_value());
  const auto second = listen_local(path_, 0660, 1);
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().message.find("Another program listens"), std::string::npos);
  ::close(*first);
  const auto third = listen_local(path_, 0660, 1);
  ASSERT_TRUE(third.has_value()) << third.error().message;
  ::close(*third);
}

TEST_F(LocalSocket, LeavesWhatIsNoSocketAlone) {
  std::ofstream(path_) << "mine";
  const auto fd = listen_local(path_, 0660, 1);
  ASSERT_FALSE(fd.has_value());
  EXPECT_NE(fd.error().message.find("is no socket"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(path_));
  EXPECT_FALSE(listen_local(dir_ / "none/wall", 0660, 1).has_value());
  EXPECT_FALSE(listen_local(dir_ / std::string(120, 'x'), 0660, 1).has_value());
}

TEST_F(LocalSocket, APathThatFillsItsFieldIsToldWhole) {
  sockaddr_un at{.sun_family = AF_UNIX, .sun_path = {}};
  const std::string begin = dir_ / "";
  const std::string path = begin + std::string(sizeof at.sun_path - begin.size(), 'x');
  std::memcpy(at.sun_path, path.data(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  SocketAddress got;
  std::memset(&got.storage, 'y', sizeof got.storage);
  ASSERT_EQ(::getsockname(fd, got.any(), &got.size), 0);
  EXPECT_EQ(path_of(got), path);
  got.size = sizeof at;  // as systems without a zero behind it tell
  EXPECT_EQ(path_of(got), path);
  ::close(fd);
}

TEST_F(LocalSocket, HasNoPathWhereItsNameIsNone) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  SocketAddress got;
  std::memset(&got.storage, '/', sizeof got.storage);
  ASSERT_EQ(::getsockname(fd, got.any(), &got.size), 0);
  EXPECT_EQ(path_of(got), std::nullopt);  // it has no name at all
  ::close(fd);
  SocketAddress tcp = socket_address({.address = {}, .port = 7667});
  EXPECT_EQ(path_of(tcp), std::nullopt);
}

TEST(UserNamespace, OneThatShowsFewUsersIsTold) {
  EXPECT_TRUE(shows_users("         0          0 4294967295\n"));
  EXPECT_TRUE(shows_users("         0     100000      65536\n"));
  EXPECT_TRUE(shows_users("0 1000 1\n1 100000 65536\n"));
  EXPECT_FALSE(shows_users("         0          0          1\n"));
  EXPECT_FALSE(shows_users("0 0 1\n990 990 1\n"));  // PrivateUsers=yes
  EXPECT_FALSE(shows_users(""));
}

}  // namespace
}  // namespace moot::net
