#pragma once

#include <deque>
#include <map>
#include <string>
#include <unordered_map>

#include "client/context.h"

namespace moot::client {

// Who there is, who is connected, and the handshake that opens a conversation (protocol.md 6.2).
class People {
 public:
  People(Context& cx, bool answers) : cx_(&cx), answers_(answers) {}

  void load(std::vector<Contact> contacts);
  const std::map<UserId, Contact>& contacts() const { return contacts_; }

  // The whole list, page by page; waits for a connection.
  void list(RequestId request);
  void greet(const UserId& peer);

  void opened();
  void lost();
  void tick();
  Tick next_tick() const;

  void on(const s::UsrLst& page);
  void on(const s::UsrHsk& hsk);
  void on(const s::UsrAdd& user);
  void on(const s::UsrRmd& user);
  void on(const s::Ucnn& user);
  void on(const s::Udcnn& user);
  bool refused(const s::Err& err, const std::optional<SentRange>& ref);

 private:
  struct Greeting {
    std::optional<SentId> sent_as;
    Tick until;
  };

  void ask_page();
  // False: too many of late, this one is not answered.
  bool note_answered(const UserId& peer);
  void send_greeting(const UserId& peer, Greeting& g);
  Contact& update(const UserId& id, std::string_view name, UserStatus status,
                  const std::optional<Bytes>& keys);
  void tell(const Contact& contact, ev::Presence::Change change);

  Context* cx_;
  const bool answers_;
  std::map<UserId, Contact> contacts_;
  std::deque<RequestId> lists_;  // at most limits::kListsWaiting
  bool page_asked_ = false;
  std::optional<UserId> after_;
  // Ours that nobody answered yet; at most limits::kGreetingsMax.
  std::map<UserId, Greeting> greetings_;
  std::unordered_map<UserId, Tick> answered_;
};

}  // namespace moot::client
