#include "client/enrolment.h"

namespace moot::client {

struct Enrolment::Sink final : Link::Sink {
  explicit Sink(Enrolment& enrolment) : e(&enrolment) {}

  void on_opened() override {
    c::Enrol enrol{.id = e->wanted_.id};
    if (!e->wanted_.name.empty()) enrol.name = Name{e->wanted_.name};
    if (!e->wanted_.label.empty()) enrol.label = e->wanted_.label;
    e->wire_.send(enrol);
  }
  void on_command(const s::Any& cmd, std::uint64_t nonce,
                  const std::optional<SentRange>&) override {
    if (const auto* enrolled = std::get_if<s::Enrolled>(&cmd)) {
      KeyFile key;
      key.account = enrolled->id;
      key.kid = enrolled->kid;
      key.key = enrolled->key;
      key.srv = e->link_.srv;
      key.address = text(e->link_.address);
      key.tls = text(e->link_.tls);
      key.label = e->wanted_.label;
      e->result_ = std::move(key);
      e->wire_.send(c::Dcnn{.seen = nonce});
    } else if (const auto* err = std::get_if<s::Err>(&cmd)) {
      e->error_ = err->message;
      e->wire_.send(c::Dcnn{.seen = nonce});
    } else if (const auto* dcnn = std::get_if<s::Dcnn>(&cmd)) {
      if (!e->done()) e->error_ = dcnn->message;
    }
  }
  void on_broken(std::string_view why) override {
    if (!e->done()) e->error_ = why;
  }

  Enrolment* e;
};

Enrolment::Enrolment(const InviteLink& link, Wanted wanted, std::uint64_t first_nonce)
    : link_(link),
      wanted_(std::move(wanted)),
      identity_{invite_user(), link.kid, link.srv},
      key_(link.key.octets),
      wire_(identity_, key_, first_nonce, std::nullopt) {}

void Enrolment::octets(Now now, Bytes octets, Buffer& out) {
  Sink sink(*this);
  wire_.octets(octets, now, sink);
  wire_.flush(now, out);
}

void Enrolment::lost(std::string_view why) {
  if (done()) return;
  const bool answered = wire_.session().phase() != session::ClientSession::Phase::greeting;
  error_ = answered ? "The server does not take this invitation: it is used up, expired or not "
                      "its own; ask for a new one."
                    : std::string(why);
}

Result<KeyFile> Enrolment::result() const {
  if (result_) return *result_;
  return fail(error_);
}

}  // namespace moot::client
