#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "net/admin.h"
#include "net/long_work.h"

namespace moot::net {

class SpareDescriptor;

// DIR/admin.sock of a running server: mode 0600, for the server's own user and root
// (security.md 5.5). One command a connection; without a descriptor for it, it is closed at once.
// Thread rule: that of its io_context.
class AdminSocket {
 public:
  using Run = std::function<AdminResult(const std::string& actor, const AdminRequest& request)>;
  // What long work of a command came to.
  using Then = std::function<AdminResult(const AdminResult& begun, const Status& worked)>;

  // `spare` outlives it.
  static Result<std::unique_ptr<AdminSocket>> open(boost::asio::io_context& ctx,
                                                   const std::string& data_dir,
                                                   SpareDescriptor& spare, Run run, Then then);
  ~AdminSocket();

  // Long work ends soon.
  void stop() { long_work_.stop(); }

  // Answers what waited for the disk up to `upto`.
  void committed(Ticket upto);

 private:
  struct Session;
  AdminSocket(boost::asio::io_context& ctx, std::string path, SpareDescriptor& spare, Run run,
              Then then);
  void wait();
  void take_all();
  void read(const std::shared_ptr<Session>& s);
  void carry_out(const std::shared_ptr<Session>& s);
  void begin(const std::shared_ptr<Session>& s, AdminResult long_command);
  void answer(const std::shared_ptr<Session>& s, const AdminResult& result);
  void write(const std::shared_ptr<Session>& s);

  boost::asio::io_context& ctx_;
  boost::asio::posix::stream_descriptor socket_;
  std::string path_;
  SpareDescriptor& spare_;
  Run run_;
  Then then_;
  Ticket committed_;
  std::list<std::shared_ptr<Session>> waiting_;  // for the disk
  LongWork long_work_;                           // last: its end uses the rest
};

// Asks the server that runs on this data directory. Nothing when none does.
Result<std::optional<AdminReply>> ask_running_server(const std::string& data_dir,
                                                     const AdminRequest& request);

}  // namespace moot::net
