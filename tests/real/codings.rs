//! The gzip that we write ourselves, before other people's decoders.

use std::process::Command;

use cognitosync_exporter::exposition::{Coding, Exposition, Format};

use crate::filled::{SERIES, Served, serve, store};
use crate::stores::body;

#[test]
#[ignore = "needs curl and Python, which tests/run installs"]
fn gzip_and_python_and_curl_decode_it() {
    let exposition = Exposition::new(store(5_000));
    let plain = body(&exposition, Format::OpenMetrics, Coding::Identity);
    let zipped = body(&exposition, Format::OpenMetrics, Coding::Gzip);
    let zlib =
        "import sys, zlib; sys.stdout.buffer.write(zlib.decompress(sys.stdin.buffer.read(), 31))";
    let gzip =
        "import sys, gzip; sys.stdout.buffer.write(gzip.decompress(sys.stdin.buffer.read()))";
    for (program, arguments) in [
        ("gzip", vec!["-dc"]),
        ("zcat", vec![]),
        ("python3", vec!["-c", zlib]),
        ("python3", vec!["-c", gzip]),
    ] {
        let output = crate::run(Command::new(program).args(&arguments), &zipped);
        assert!(
            output.status.success(),
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.stdout == plain, "to {program}, it is another text");
    }
    let tested = crate::run(Command::new("gzip").arg("-t"), &zipped[..zipped.len() - 1]);
    assert!(!tested.status.success(), "gzip takes a cut one for whole");
}

/// Over the wire, where curl stops behind the first member if there are several.
#[test]
#[ignore = "needs curl, which tests/run installs"]
fn curl_gets_all_of_it() {
    let address = serve(store(5_000), Served::AsAsked);
    for coding in ["gzip", "zstd", "identity"] {
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--fail",
            "--compressed",
            "--header",
        ]);
        let output = curl
            .arg(format!("Accept-Encoding: {coding}"))
            .arg(format!("http://{address}/metrics"))
            .output();
        let output = output.unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            text.matches("\ncognitosync_identity_").count(),
            SERIES * 5_000,
            "{coding}"
        );
        assert!(text.contains("\ncognitosync_exporter_build_info{"));
    }
}
