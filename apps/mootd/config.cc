#include "apps/mootd/config.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <sstream>

#include <unistd.h>

#include "apps/mootd/keys.h"
#include "apps/mootd/values.h"
#include "net/listener.h"
#include "net/server.h"

namespace moot::mootd {
namespace {

constexpr char kDefaultListen[] = "127.0.0.1:7667";

const Key* find_key(std::string_view path) {
  const auto& keys = config_keys();
  const auto it = std::ranges::find(keys, path, &Key::path);
  return it == keys.end() ? nullptr : &*it;
}

std::string unknown(std::string_view path) {
  const std::string near = nearest(path, config_key_names());
  return "unknown key `" + std::string(path) + "`" +
         (near.empty() ? "; `mootd config show` lists all." : "; did you mean `" + near + "`?");
}

// Where a value came from, for its error.
Status set_key(Config& config, std::string_view path, const toml::node& value,
               const std::string& where) {
  const Key* key = find_key(path);
  if (key == nullptr) return fail(where + unknown(path));
  if (auto ok = key->set(config, value); !ok) {
    std::string why = ok.error().message;
    if (!why.ends_with('.')) why += ".";
    return fail(where + "`" + std::string(path) + "` " + why);
  }
  return {};
}

// "key=value": the value as TOML, else as text.
Status set_text(Config& config, std::string_view path, const std::string& value,
                const std::string& where) {
  try {
    const toml::table t = toml::parse("v = " + value);
    return set_key(config, path, *t.get("v"), where);
  } catch (const toml::parse_error&) {
    return set_key(config, path, toml::value<std::string>(value), where);
  }
}

class Reader {
 public:
  explicit Reader(Config& config) : config_(config) {}

  Status table(const toml::table& t, const std::string& prefix) {
    for (const auto& [raw, value] : t) {
      const std::string path = prefix + std::string(raw.str());
      Status ok;
      if (path == "listen") {
        ok = listeners(value);
      } else if (const auto* inner = value.as_table(); inner && find_key(path) == nullptr) {
        ok = table(*inner, path + ".");
      } else {
        const auto line = value.source().begin.line;
        ok = set_key(config_, path, value,
                     line > 0 ? "line " + std::to_string(line) + ": " : std::string());
      }
      if (!ok) return ok;
    }
    return {};
  }

  std::vector<net::ListenOptions> blocks;

 private:
  Status listeners(const toml::node& value) {
    const toml::array* list = value.as_array();
    if (list == nullptr) return fail("`listen` is a list of tables: write [[listen]].");
    for (const toml::node& each : *list) {
      auto block = read_listen(each, blocks.size() + 1);
      if (!block) return std::unexpected(block.error());
      blocks.push_back(std::move(*block));
    }
    return {};
  }
  Config& config_;
};

std::string environment_name(std::string_view path) {
  std::string name = "MOOT_";
  for (const char c : path) {
    name.push_back(c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  }
  return name;
}

net::ListenOptions flag_listener(const std::string& address, std::string option, net::Door door) {
  net::ListenOptions l;
  l.address = address;
  l.option = std::move(option);
  l.door = door;
  return l;
}

// The options name the listeners of their kind instead of the file. A wall stays: it is no address
// that somebody wants elsewhere for once.
void apply_flags(std::vector<net::ListenOptions>& blocks, const ConfigSources& sources) {
  const auto replace = [&blocks](net::Door door, const std::vector<std::string>& addresses,
                                 const char* option) {
    if (addresses.empty()) return;
    std::erase_if(blocks, [door](const net::ListenOptions& l) {
      return l.door == door && l.rules.auth == session::Auth::key;
    });
    std::vector<net::ListenOptions> more;
    for (const std::string& a : addresses) more.push_back(flag_listener(a, option, door));
    blocks.insert(door == net::Door::tls ? blocks.end() : blocks.begin(), more.begin(), more.end());
  };
  replace(net::Door::tcp, sources.listen, "--listen");
  replace(net::Door::tls, sources.tls_listen, "--tls-listen");
}

Status check_listeners(Config& config, std::vector<net::ListenOptions>& blocks) {
  for (net::ListenOptions& l : blocks) {
    if (auto ok = check_address(l); !ok) {
      return fail(l.option + ": " + ok.error().message);
    }
    if (l.door == net::Door::tls) {
      if (l.cert.empty()) l.cert = config.tls_cert;
      if (l.key.empty()) l.key = config.tls_key;
      if (l.cert.empty() || l.key.empty()) {
        return fail(l.option +
                    ": TLS needs a certificate and its key; set `cert` and `key` of the [[listen]] "
                    "block, or tls.cert and tls.key.");
      }
    }
    config.server.listen.push_back(l);
  }
  return {};
}

Status check_whole(const Config& config) {
  const auto& live = config.server.live;
  if (config.server.name.empty() || config.server.name.size() > limits::kSrvBytesMax) {
    return fail("`name` must have 1 to 255 octets.");
  }
  if (config.server.data_dir.empty()) return fail("`data_dir` must name a directory.");
  if (live.core.max_msg + 2 * limits::kPageBytesSlack > live.max_frame) {
    return fail("`limits.max_frame` must be at least 2048 octets more than `limits.max_msg`.");
  }
  if (config.server.default_keeper == Keeper::server ? !live.core.channels.server_kept
                                                     : !live.core.channels.member_kept) {
    return fail("`channels.default_keeper` must be one of `channels.keepers`.");
  }
  return check_http(config.server.http);
}

Result<Config> read_table(const ConfigSources& sources, const toml::table& file) {
  Config config;
  config.server.threads = net::usable_cpus();
  config.exempt = {"127.0.0.0/8", "::1"};
  for (const std::string& e : config.exempt) {
    config.server.live.sources.exempt.push_back(*net::parse_network(e));
  }
  Reader reader(config);
  const std::string in = sources.file.empty() ? std::string() : sources.file + ": ";
  if (auto ok = reader.table(file, {}); !ok) return fail(in + ok.error().message);
  for (const Key& key : config_keys()) {
    const auto it = sources.environment.find(environment_name(key.path));
    if (it == sources.environment.end()) continue;
    if (auto ok = set_text(config, key.path, it->second, it->first + ": "); !ok) {
      return std::unexpected(ok.error());
    }
  }
  for (const std::string& s : sources.set) {
    const std::size_t eq = s.find('=');
    if (eq == std::string::npos) return fail("--set " + s + ": write --set key=value.");
    if (auto ok = set_text(config, s.substr(0, eq), s.substr(eq + 1), "--set: "); !ok) {
      return std::unexpected(ok.error());
    }
  }
  const auto option = [&config](std::string_view path, const std::string& value, const char* name) {
    if (value.empty()) return Status();
    return set_key(config, path, toml::value<std::string>(value), std::string(name) + ": ");
  };
  if (auto ok = option("data_dir", sources.data_dir, "--data-dir"); !ok)
    return std::unexpected(ok.error());
  if (auto ok = option("log.level", sources.log_level, "--log-level"); !ok)
    return std::unexpected(ok.error());
  if (auto ok = option("log.format", sources.log_format, "--log-format"); !ok)
    return std::unexpected(ok.error());
  if (auto ok = option("http.listen", sources.http_listen, "--http-listen"); !ok)
    return std::unexpected(ok.error());
  apply_flags(reader.blocks, sources);
  if (reader.blocks.empty()) {
    reader.blocks.push_back(flag_listener(kDefaultListen, "--listen (default)", net::Door::tcp));
  }
  if (auto ok = check_listeners(config, reader.blocks); !ok) return std::unexpected(ok.error());
  config.server.live.core.channels.msg_bytes_max = config.server.live.core.max_msg;
  config.server.live.core.channels.frame_bytes_max = config.server.live.max_frame;
  config.server.version = MOOT_VERSION;
  if (auto ok = check_whole(config); !ok) return fail(in + ok.error().message);
  return config;
}

}  // namespace

Status check_address(const net::ListenOptions& l) {
  if (l.at_path() && l.door == net::Door::proxy) return {};
  if (l.door == net::Door::local) {
    if (l.at_path()) return {};
    return fail("`address` of a unix socket is its whole path, like /run/moot/wall.");
  }
  const auto at = net::parse_endpoint(l.address);
  if (!at) return std::unexpected(at.error());
  if (l.door == net::Door::tls || at->address.loopback() || l.insecure) return {};
  return fail(l.address +
              " is no loopback address and plain TCP is readable by everybody on the way; use "
              "TLS, or set insecure_plaintext = \"I understand\" in the [[listen]] block.");
}

Status check_http(const net::HttpOptions& http) {
  if (http.off()) return {};
  const auto at = net::parse_endpoint(http.address);
  if (!at) return fail("`http.listen`: " + at.error().message + " Or \"off\".");
  if (at->address.loopback() || http.insecure) return {};
  return fail("`http.listen`: " + http.address +
              " is no loopback address, and everybody there could read how the server does; use "
              "127.0.0.1, or set http.insecure_plaintext = \"I understand\".");
}

Result<Config> read_config(const ConfigSources& sources, std::string_view text) {
  try {
    return read_table(sources, toml::parse(text));
  } catch (const toml::parse_error& e) {
    const std::string in = sources.file.empty() ? std::string() : sources.file + ": ";
    return fail(in + "line " + std::to_string(e.source().begin.line) + ": " +
                std::string(e.description()) + ".");
  }
}

Result<Config> read_config(const ConfigSources& sources) {
  if (sources.file.empty()) return read_config(sources, "");
  std::ifstream in(sources.file, std::ios::binary);
  if (!in) return fail("The configuration " + sources.file + " cannot be read; check -c.");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return read_config(sources, text);
}

std::string show_config(const Config& config) {
  std::string out;
  std::string table;
  for (const Key& key : config_keys()) {
    const std::size_t dot = key.path.find('.');
    const std::string in(dot == std::string_view::npos ? "" : key.path.substr(0, dot));
    if (in != table) {
      table = in;
      out += "\n[" + table + "]\n";
    }
    out += std::string(key.path.substr(dot == std::string_view::npos ? 0 : dot + 1)) + " = " +
           key.show(config) + "\n";
  }
  for (const net::ListenOptions& l : config.server.listen) {
    out += "\n" + show_listen(l);
  }
  return out;
}

std::map<std::string, std::string> moot_environment() {
  std::map<std::string, std::string> out;
  for (char** e = environ; e != nullptr && *e != nullptr; ++e) {
    const std::string_view one(*e);
    const std::size_t eq = one.find('=');
    if (eq == std::string_view::npos || !one.starts_with("MOOT_")) continue;
    out.emplace(one.substr(0, eq), one.substr(eq + 1));
  }
  return out;
}

}  // namespace moot::mootd
