//! `crates/exporter-web/examples/hello.rs`, as somebody who reads it would try it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::pki::{Pki, tls};
use crate::run;
use crate::support::{PASSWORD, repository};

/// Stopped when dropped.
struct Hello(Child);

impl Drop for Hello {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "needs curl and promtool, which tests/run installs"]
fn an_exporter_in_thirty_lines() {
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--locked",
            "--package=exporter-web",
            "--example=hello",
        ])
        .current_dir(repository())
        .status()
        .unwrap();
    assert!(built.success());
    let pki = Pki::new();
    let hash = bcrypt::hash_with_salt(PASSWORD, 4, [7; 16]).unwrap();
    let file = pki.web_config(&tls(&format!("basic_auth_users: {{alice: \"{hash}\"}}\n")));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut hello = Command::new(target.join("debug/examples/hello"))
        .arg("localhost:0")
        .arg(file)
        .stdout(Stdio::piped())
        .spawn()
        .map(Hello)
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(hello.0.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let port = line.trim().rsplit(':').next().unwrap();

    let curl = |path: &str, more: &[&str]| {
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--write-out",
            "%{stderr}%{http_code}",
        ])
        .arg("--cacert")
        .arg(pki.path("ca.crt"))
        .args(more)
        .arg(format!("https://localhost:{port}{path}"));
        let output = run(&mut curl, "");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (text(output.stderr), text(output.stdout))
    };
    let login = ["--user".to_owned(), format!("alice:{PASSWORD}")];
    let login = login.each_ref().map(String::as_str);
    assert_eq!(curl("/metrics", &[]).0, "401");
    assert_eq!(curl("/", &login).0, "404");
    for scrapes in 1..=2 {
        let (status, body) = curl("/metrics", &login);
        assert_eq!(status, "200");
        assert!(
            body.ends_with(&format!("\nhello_scrapes_total {scrapes}\n")),
            "{body}"
        );
        let checked = run(Command::new("promtool").args(["check", "metrics"]), &body);
        assert!(checked.status.success(), "{checked:?}");
        assert!(checked.stderr.is_empty(), "{checked:?}");
    }
}
