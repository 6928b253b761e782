//! Environments in which the daemon cannot start.

use std::process::Command;

use crate::support::{BINARY, command, output};

#[test]
fn a_wrong_log_filter_is_named_with_what_is_expected() {
    let output = output(command().arg("demo").env("RUST_LOG", "store=loud"));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.starts_with("cannot log: RUST_LOG: "), "{errors}");
    assert!(errors.contains("such as info,"), "{errors}");
}

#[test]
fn a_port_that_needs_more_rights_is_named_with_the_way_out() {
    // Root has the rights unless they are taken away.
    let mut command = match rustix::process::geteuid().is_root() {
        true => {
            let mut command = Command::new("setpriv");
            command.args(["--bounding-set=-net_bind_service", BINARY]);
            command
        }
        false => Command::new(BINARY),
    };
    command.args(["demo", "--web.listen-address=127.0.0.1:80"]);
    let output = output(&mut command);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let errors = String::from_utf8(output.stderr).unwrap();
    for part in [
        "cannot listen on 127.0.0.1:80",
        "ports below 1024",
        "--web.listen-address",
    ] {
        assert!(errors.contains(part), "{errors}");
    }
}
