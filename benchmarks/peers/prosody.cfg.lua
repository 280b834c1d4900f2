-- Prosody with message archive on SQLite, as Debian ships it but for what a benchmark on the loopback needs.
daemonize = false
pidfile = "{folder}/prosody.pid"
data_path = "{folder}"
certificates = "{folder}"
run_as_root = true
log = { { levels = { min = "warn" }, to = "file", filename = "{folder}/prosody.log" } }
interfaces = { "127.0.0.1" }
c2s_ports = { {port} }
s2s_ports = { }
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_hashed"
modules_enabled = { "roster", "saslauth", "disco", "ping", "register", "mam", "smacks", "presence", "message", "iq", "c2s" }
modules_disabled = { "s2s", "offline", "limits" }
allow_registration = true
min_seconds_between_registrations = 0
storage = "sql"
sql = { driver = "SQLite3", database = "{folder}/prosody.sqlite" }
default_archive_policy = true
-- No sqlite_tune: SQLite's own defaults stay (rollback journal, synchronous FULL), which is what durable means.
smacks_max_unacked_stanzas = 1000
VirtualHost "localhost"
