#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/log.h"
#include "net/options.h"

// The configuration of mootd (interface.md): a TOML file, MOOT_... of the environment, --set and
// the other options of the command line, in this order; a later one wins.
namespace moot::mootd {

struct Config {
  net::ServerOptions server;
  std::string user;  // whom to become when started as uid 0
  net::log::Level log_level = net::log::Level::info;
  net::log::Format log_format = net::log::Format::text;
  std::string tls_cert;  // of --tls-listen, and of TLS listeners that name none
  std::string tls_key;
  std::vector<std::string> exempt;  // limits.exempt as it was written
};

struct ConfigSources {
  std::string file;                                // empty: none
  std::map<std::string, std::string> environment;  // MOOT_...
  std::vector<std::string> set;                    // "key=value"
  std::vector<std::string> listen;                 // --listen
  std::vector<std::string> tls_listen;             // --tls-listen
  std::string http_listen;
  std::string data_dir;
  std::string log_level;
  std::string log_format;
};

Result<Config> read_config(const ConfigSources& sources);
// The same for a text in place of the file.
Result<Config> read_config(const ConfigSources& sources, std::string_view toml);

// Whether the address of a listener is one, and may be listened at; the same for http.listen.
Status check_address(const net::ListenOptions& l);
Status check_http(const net::HttpOptions& http);

// Every key with its value, as TOML.
std::string show_config(const Config& config);

// MOOT_... variables of this process.
std::map<std::string, std::string> moot_environment();

}  // namespace moot::mootd
