#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "apps/moot/home.h"
#include "apps/moot/local_socket.h"
#include "apps/moot/proofs.h"
#include "moot/client.h"

namespace moot::app {

// The process that has the store: holds the lock, the connection to the server, and DIR/moot.sock.
// It serves the commands of other processes as it serves its own: one line of JSON asks
// (`do`, `n`), lines with the same number (`re`) answer, the last of them with `end`; lines with
// `ev` tell what happens to whoever said `watch`. What a sync pulls comes without a `post` of its
// own: `sync` tells that there is more to read. An answer of many rows may be cut
// (limits::kGuestPageBytes): then its end has `more`, and the rest is asked for as the next page.
class Owner {
 public:
  struct Wish {
    bool connect = true;
    bool answers = false;  // a person is there: greetings are answered
  };
  struct Refused {
    Trouble trouble;
    bool in_use = false;  // another process is the owner
  };
  static std::expected<std::unique_ptr<Owner>, Refused> start(const Place& place, Wish wish);
  ~Owner();  // says good-bye to the server

 private:
  struct Guest {
    Guest(Fd socket, std::uint64_t number) : fd(std::move(socket)), id(number) {}
    Fd fd;
    std::uint64_t id;  // descriptors are used again, and a late answer is not for the next one
    std::string in;
    std::size_t looked = 0;  // of `in`, for the end of a line
    std::string out;
    bool watching = false;
    bool gone = false;
  };
  struct Asked {
    std::uint64_t request = 0;
    std::uint64_t guest = 0;
    std::uint64_t n = 0;
    std::string pull;  // the channel, where the progress of a pull is told
  };
  enum class Cut : std::uint8_t { front, back };

  Owner() = default;
  void run();
  void accept_guests();
  void read(Guest& guest);
  void write(Guest& guest);
  void handle(Guest& guest, const Json& ask);
  void reply(Guest& guest, std::uint64_t n, std::string_view error);
  void say(Guest& guest, const Json& json);
  // So many rows as a page holds, and the end. `cut`: where rows go when they are too many.
  void say_rows(Guest& guest, std::uint64_t n, std::size_t rows, Cut cut, bool more,
                const std::function<void(Json&, std::size_t)>& put);
  bool handle_channels(Guest& guest, const Json& ask);  // owner_channels.cc
  bool ask_server(Guest& guest, const Json& ask);
  void posts(Guest& guest, const Json& ask);
  void pending(Guest& guest, const Json& ask);
  void prove(Guest& guest, std::uint64_t n, Proofs::Work work);
  void answer_proofs();
  void forget(const Guest& guest);
  Guest* guest_of(const Asked& asked);
  bool tell_channels(const Client::Event& event);
  void answer_pulls(const Client::Event& event);
  void tell_watchers(const Json& json);
  void history(Guest& guest, const Json& ask);
  void status(Guest& guest, std::uint64_t n);
  void tell(const Client::Event& event);
  void answer(const Client::Event& event);
  void store_failed(const std::string& why);
  Json connection() const;
  std::uint64_t remember(const Guest& guest, std::uint64_t n, std::string pull = {});

  std::unique_ptr<Client> client_;
  Fd listener_;
  Fd stop_;
  std::vector<std::unique_ptr<Guest>> guests_;
  std::vector<Asked> asked_;  // at most limits::kGuestAsks
  std::uint64_t next_request_ = 1;
  std::uint64_t next_guest_ = 1;
  Client::Event connection_{.kind = Client::Event::Kind::connecting};
  std::string broken_;              // the store takes and gives nothing any more: why
  std::unique_ptr<Proofs> proofs_;  // ends before what it reads
  std::thread thread_;
};

}  // namespace moot::app
