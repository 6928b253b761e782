//! Imports between the modules at the top of the crate go one way.

use super::code::{imported, paths, sources, sources_below};
use super::modules::MODULES;

/// Crates that stay in some modules: a path's beginning, and where it may stand.
const CRATES: &[(&str, &[&str])] = &[
    // The logger's filter names modules of it.
    ("aws_config", &["aws/", "telemetry/logging.rs"]),
    ("aws_credential_types", &["aws/", "simulator/signature.rs"]),
    ("aws_lc_rs", &["aws/http/route.rs", "web/status/page.rs"]),
    ("askama", &["web/status/page.rs"]),
    ("aws_sdk_", &["aws/"]),
    ("aws_sigv4", &["simulator/signature.rs"]),
    ("aws_smithy_", &["aws/"]),
    ("warp", &["web/"]),
    ("hyper", &["aws/classify.rs"]),
    ("hyper_rustls", &["aws/http/"]),
    ("hyper_util", &["aws/http/"]),
    ("rustls", &["aws/http/"]),
    ("rustls_native_certs", &["aws/http/trust.rs"]),
    // exporter-web's alone; the root's tests use some of them as clients.
    ("bcrypt", &[]),
    ("listenfd", &[]),
    ("rlimit", &[]),
    ("socket2", &[]),
    ("tokio_rustls", &[]),
    ("x509_cert", &[]),
    ("sd_notify", &["systemd.rs"]),
    ("serde_yaml", &["config/"]),
    (
        "exporter_web",
        &[
            "app/",
            "cli/",
            "main.rs",
            "simulator/mod.rs",
            "telemetry/mod.rs",
            "web/places.rs",
            "web/server.rs",
            "web/state.rs",
        ],
    ),
    ("backoff", &["schedule/retry.rs"]),
    ("glob", &["discovery/globs.rs"]),
    ("strsim", &["config/regions.rs", "config/suggest.rs"]),
    ("prometheus", &["telemetry/"]),
    ("procfs", &["aws/helpers.rs", "telemetry/process.rs"]),
    (
        "rustix",
        &[
            "aws/helpers.rs",
            "clock.rs",
            "file.rs",
            "listing/output.rs",
            "state/",
            "telemetry/process.rs",
        ],
    ),
    ("deflate", &["exposition/"]),
    ("redb", &["state/error.rs", "state/file.rs", "state/tests/"]),
    ("postcard", &["state/row.rs"]),
    ("tempfile", &["app/"]),
    ("csv", &["web/identities/"]),
    ("form_urlencoded", &["web/parameters.rs"]),
    (
        "clap",
        &[
            "cli/",
            "main.rs",
            "telemetry/log_line.rs",
            "telemetry/logging.rs",
        ],
    ),
];

/// The same for `crates/exporter-web/src`, and what it never mentions. `aws_lc_rs` is the
/// cryptography below rustls, not a crate of the AWS SDK.
const WEB_CRATES: &[(&str, &[&str])] = &[
    ("aws_config", &[]),
    ("aws_credential_types", &[]),
    ("aws_lc_rs", &["login/mod.rs", "web_config/"]),
    ("aws_sdk_", &[]),
    ("aws_smithy_", &[]),
    ("bcrypt", &["login/"]),
    ("cognitosync_exporter", &[]),
    ("listenfd", &["systemd.rs"]),
    ("prometheus", &[]),
    ("rlimit", &["connection_limit.rs"]),
    ("serde_yaml", &["web_config/"]),
    ("socket2", &["listener.rs"]),
    ("tokio_rustls", &["handshake.rs", "web_config/"]),
    ("warp", &[]),
    ("x509_cert", &["web_config/certificate.rs"]),
];

/// Members of the workspace that are pure as well.
const PURE_MEMBERS: &[&str] = &["deflate"];
/// Files that decide or write, and never act: no runtime, no network, no file, no clock of their
/// own.
const PURE: &[&str] = &[
    "schedule/",
    "first_sweep/milestones.rs",
    "first_sweep/track.rs",
    "job.rs",
    "observation.rs",
    "store/record.rs",
    "targets/",
    "discovery/inline.rs",
    "discovery/lines.rs",
    "discovery/list.rs",
    "exposition/",
    "simulator/dataset.rs",
    "simulator/life.rs",
    "simulator/world.rs",
    "simulator/written.rs",
    "identity/",
];
const IMPURE: &[&str] = &[
    "tokio",
    "warp",
    "hyper",
    "aws_",
    "std::fs",
    "std::net",
    "Instant",
    "SystemTime",
];

fn module(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

#[test]
fn modules_import_only_what_they_may() {
    let sources = sources();
    let mut wrong = Vec::new();
    for (file, code) in &sources {
        let from = module(file);
        if ["lib", "main"].contains(&from) {
            continue;
        }
        let (_, allowed) = MODULES
            .iter()
            .find(|(name, _)| *name == from)
            .unwrap_or_else(|| panic!("{file} is in no module"));
        for to in imported(code).into_iter().filter(|to| *to != from) {
            if !allowed.contains(&to) {
                wrong.push(format!("{file} imports {to}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for (name, _) in MODULES {
        assert!(
            sources.keys().any(|file| module(file) == *name),
            "there is no module {name}"
        );
    }
}

#[test]
fn modules_import_only_such_as_stand_before_them() {
    let mut before = Vec::new();
    for (module, imports) in MODULES {
        for import in *imports {
            assert!(
                before.contains(import),
                "{module} imports {import}, which stands after it"
            );
            assert!(*import != "cli" || *module == "app");
        }
        before.push(*module);
    }
    assert_eq!(before.last(), Some(&"app"));
}

#[test]
fn crates_stay_in_their_modules() {
    let mut wrong = Vec::new();
    for (directory, crates) in [("src", CRATES), ("crates/exporter-web/src", WEB_CRATES)] {
        let sources = sources_below(directory);
        assert!(!sources.is_empty(), "{directory} is empty");
        for (file, code) in sources {
            for path in paths(&code) {
                let is =
                    |name: &str| path == name || (name.ends_with('_') && path.starts_with(name));
                for (name, places) in crates.iter().filter(|(name, _)| is(name)) {
                    if !places.iter().any(|place| file.starts_with(place)) {
                        wrong.push(format!("{directory}/{file} mentions {name}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// It is an account, a device or an identity: the exporter has no use for it.
#[test]
fn who_wrote_a_dataset_is_not_read() {
    let mentions = |code: &str| {
        let code = code.to_lowercase().replace('_', "");
        code.contains("lastmodifiedby")
    };
    let sources = sources();
    let files = sources.iter().filter(|(_, code)| mentions(code));
    let files: Vec<_> = files.map(|(file, _)| file.as_str()).collect();
    assert_eq!(files, ["simulator/body.rs"]);
}

#[test]
fn pure_files_do_not_act() {
    let sources = sources();
    for pure in PURE {
        let files: Vec<_> = sources
            .iter()
            .filter(|(file, _)| file.starts_with(pure))
            .collect();
        assert!(!files.is_empty(), "{pure} is not there");
        for (file, code) in files {
            for impure in IMPURE {
                assert!(!code.contains(impure), "{file} mentions {impure}");
            }
        }
    }
    for member in PURE_MEMBERS {
        let files = sources_below(&format!("crates/{member}/src"));
        assert!(!files.is_empty(), "{member} is not there");
        for (file, code) in files {
            for impure in IMPURE {
                assert!(
                    !code.contains(impure),
                    "{member}'s {file} mentions {impure}"
                );
            }
        }
    }
}
