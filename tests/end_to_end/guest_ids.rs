//! Where identities are polled with the credentials of guests, their ids are secrets: who reaches
//! the pages needs a login.

use std::path::{Path, PathBuf};

use crate::guests::guests;
use crate::support::{
    Exporter, PASSWORD, Server, command, configuration, eventually, get, identity_id, output,
    pool_id, still_world,
};

const OPEN: &str = "--web.listen-address=0.0.0.0:0";

/// A configuration, and a web configuration with this content.
struct Files(tempfile::TempDir);

impl Files {
    fn new(configuration: &str, web: &str) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.write(configuration);
        files.write_web(web);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, configuration: &str) {
        std::fs::write(self.path("config.yaml"), configuration).unwrap();
    }

    fn write_web(&self, web: &str) {
        std::fs::write(self.path("web.yaml"), web).unwrap();
    }

    fn command(&self, flags: &[&str]) -> std::process::Command {
        let mut command = command();
        let file = |flag: &str, path: &Path| format!("{flag}={}", path.display());
        command.arg(file("--config.file", &self.path("config.yaml")));
        command.arg(file("--web.config.file", &self.path("web.yaml")));
        command.args(flags);
        command
    }

    fn start(&self, flags: &[&str]) -> Exporter {
        Exporter::run(self.command(flags))
    }
}

fn login() -> String {
    let hash = bcrypt::hash_with_salt(PASSWORD, 4, [7; 16]).unwrap();
    format!("basic_auth_users: {{me: \"{hash}\"}}\n")
}

fn page(exporter: &Exporter) -> u16 {
    let port = exporter.address.rsplit(':').next().unwrap();
    get(&format!("http://127.0.0.1:{port}/metrics")).0
}

#[test]
fn without_a_login_it_does_not_listen_to_others() {
    let server = Server::start(still_world(1, 1));
    let files = Files::new(&guests("interval: 1s", &server, 1, 1), "");
    let told = output(&mut files.command(&[OPEN, "--web.listen-address=127.0.0.1:0"]));
    assert_eq!(told.status.code(), Some(1), "{told:?}");
    let log = String::from_utf8(told.stderr).unwrap();
    for part in ["0.0.0.0:", &pool_id(0), "basic_auth_users", "loopback"] {
        assert!(log.contains(part), "{part} in {log}");
    }
    assert_eq!(server.simulator.take_call_log(), [], "nobody was asked");
    files.start(&["--web.listen-address=127.0.0.1:0"]);
    let socket = format!(
        "--web.listen-address=unix:{}",
        files.path("socket").display()
    );
    files.start(&[&socket]);
    files.write_web(&login());
    let exporter = files.start(&[OPEN]);
    assert_eq!(page(&exporter), 401);
}

#[test]
fn a_check_says_so_with_the_flags_that_it_has() {
    let server = Server::start(still_world(1, 1));
    let files = Files::new(&guests("interval: 1s", &server, 1, 1), "");
    let check = |flags: &[&str]| {
        let flags = [&["--config.check"], flags].concat();
        let told = output(&mut files.command(&flags));
        assert!(told.status.success(), "{told:?}");
        String::from_utf8(told.stderr).unwrap()
    };
    assert!(check(&[]).contains("would not start"), "{}", check(&[]));
    assert_eq!(check(&["--web.listen-address=127.0.0.1:1"]), "");
    files.write_web(&login());
    assert!(!check(&[]).contains("would not start"));
}

#[test]
fn a_reload_does_not_show_guests_to_strangers() {
    let server = Server::start(still_world(1, 2));
    let files = Files::new(&configuration("interval: 1s", &server.url, 1, 2), "");
    let exporter = files.start(&[OPEN, "--web.enable-lifecycle"]);
    assert_eq!(page(&exporter), 200);
    let reload = || {
        let port = exporter.address.rsplit(':').next().unwrap();
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let login = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            format!("me:{PASSWORD}"),
        );
        let url = format!("http://127.0.0.1:{port}/-/reload");
        let request = agent
            .post(url)
            .header("authorization", format!("Basic {login}"));
        let mut response = request.send_empty().unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), text)
    };
    files.write(&guests("interval: 1s", &server, 1, 1));
    let (status, text) = reload();
    assert_eq!(status, 400, "{text}");
    assert!(
        text.contains("0.0.0.0:") && text.contains("previous"),
        "{text}"
    );
    assert_eq!(
        exporter.logged("added"),
        [] as [&str; 0],
        "it is not in force"
    );
    // With a login it is.
    files.write_web(&login());
    eventually("a login", || (page(&exporter) == 401).then_some(()));
    let (status, text) = reload();
    assert_eq!(status, 200, "{text}");
    // And stays, whatever becomes of its file.
    for web in [
        "",
        "basic_auth_users: {}\n",
        "http_server_config: {http2: true}\n",
    ] {
        files.write_web(web);
        let before = exporter.log().len();
        eventually("a refused file", || {
            assert_eq!(page(&exporter), 401);
            let log = exporter.log();
            let refused = log[before..]
                .iter()
                .any(|line| line.contains("old one stays"));
            refused.then_some(())
        });
        assert_eq!(page(&exporter), 401);
    }
    let own = format!("/api/v1/identities/{}", identity_id(0));
    let port = exporter.address.rsplit(':').next().unwrap();
    assert_eq!(get(&format!("http://127.0.0.1:{port}{own}")).0, 401);
}
