# Bare workerd: no `process`, no `Buffer`, no network, no disk. At this date the first two are on unless refused.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(
    name = "tests",
    worker = (
      modules = [(name = "tests.js", esModule = embed "dist/tests.js")],
      compatibilityDate = "2026-11-01",
      compatibilityFlags = ["no_nodejs_compat", "no_nodejs_compat_v2"],
      globalOutbound = "nowhere",
    ),
  ), (
    name = "nowhere",
    network = (allow = []),
  )],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "tests")],
);
