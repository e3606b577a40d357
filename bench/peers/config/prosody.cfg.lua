-- One listener on loopback, anonymous users, rooms without an archive, nothing throttled.
daemonize = false
run_as_root = true
network_backend = "epoll"
pidfile = "@DIR@/pid"
data_path = "@DIR@"
certificates = "@DIR@"
log = { error = "*console" }
modules_enabled = { "saslauth", "disco" }
modules_disabled = { "s2s", "limits", "offline", "c2s_limit", "tls" }
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
interfaces = { "127.0.0.1" }
c2s_ports = { @PORT@ }
c2s_direct_tls_ports = {}
s2s_ports = {}
VirtualHost "localhost"
  authentication = "anonymous"
Component "conference.localhost" "muc"
  muc_room_locking = false
  max_history_messages = 0
