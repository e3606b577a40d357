#include "bench/peers/servers.h"

#include <cstdio>
#include <fstream>
#include <regex>
#include <sstream>

namespace moot::bench {
namespace {

MakePeer mqtt(int qos) {
  return [qos](Names& names, std::size_t index) { return make_mqtt_peer(names, index, qos); };
}

// Debian keeps the modules of ejabberd beside those of Erlang; its own script wants a user,
// systemd's directories and a node name, none of which a run on loopback needs.
constexpr const char* kEjabberd =
    "exec erl -noinput -mnesia dir \"\\\"$PWD/db\\\"\" -ejabberd config "
    "\"\\\"$PWD/ejabberd.yml\\\"\" log_path \"\\\"$PWD/ejabberd.log\\\"\" -pa "
    "/usr/lib/*/ejabberd-*.*.*/ebin /usr/lib/*/ejabberd-*-*/ebin -s ejabberd";

}  // namespace

std::vector<PeerServer> peer_servers(const std::string& bin_dir) {
  return {
      {"bare relay", {bin_dir + "/bench-relay", "@PORT@"}, "", {}, make_relay_peer},
      {"bare relay with io_uring",
       {bin_dir + "/bench-relay", "@PORT@", "--uring"},
       "",
       {},
       make_relay_peer},
      {"nats-server",
       {"nats-server", "-c", "@DIR@/nats-server.conf"},
       "nats-server.conf",
       {"nats-server", "--version"},
       make_nats_peer},
      {"inspircd",
       {"inspircd", "--config=@DIR@/inspircd.conf", "--nofork", "--nopid", "--runasroot"},
       "inspircd.conf",
       {"inspircd", "--version"},
       make_irc_peer},
      {"ngircd",
       {"ngircd", "-n", "-f", "@DIR@/ngircd.conf"},
       "ngircd.conf",
       {"ngircd", "--version"},
       make_irc_peer},
      {"mosquitto QoS 0",
       {"mosquitto", "-c", "@DIR@/mosquitto.conf"},
       "mosquitto.conf",
       {"mosquitto", "-h"},
       mqtt(0),
       4},
      {"mosquitto QoS 1",
       {"mosquitto", "-c", "@DIR@/mosquitto.conf"},
       "mosquitto.conf",
       {"mosquitto", "-h"},
       mqtt(1),
       4},
      {"prosody",
       {"prosody", "--config", "@DIR@/prosody.cfg.lua", "-F"},
       "prosody.cfg.lua",
       {"prosodyctl", "about"},
       make_xmpp_peer,
       20},
      {"ejabberd",
       {"sh", "-c", kEjabberd},
       "ejabberd.yml",
       {"dpkg-query", "-W", "-f", "${Version}", "ejabberd"},
       make_xmpp_peer,
       20},
  };
}

std::unique_ptr<Program> PeerServer::start(const std::string& config_dir) const {
  std::string config;
  if (!config_name.empty()) {
    std::ifstream file(config_dir + "/" + config_name);
    std::ostringstream all;
    all << file.rdbuf();
    config = all.str();
  }
  return std::make_unique<Program>(name, args, config_name, config);
}

std::string PeerServer::version_text() const {
  if (version.empty()) return "ours";
  std::string command;
  for (const std::string& word : version) command += "'" + word + "' ";
  FILE* p = popen((command + "2>/dev/null").c_str(), "r");
  if (p == nullptr) return {};
  std::string out;
  char chunk[4096];
  while (const std::size_t n = std::fread(chunk, 1, sizeof chunk, p)) out.append(chunk, n);
  pclose(p);
  std::smatch found;
  return std::regex_search(out, found, std::regex(R"(\d+(\.\d+)+)")) ? found.str() : std::string{};
}

}  // namespace moot::bench
