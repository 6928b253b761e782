//! The status page, a search, an identity and a list in Chromium: at three widths, in light and in
//! dark, with few identities and with many.

use serde_json::{Value, json};

use crate::long::parameter;
use crate::python;
use crate::support::{Exporter, command, eventually, get};

#[test]
#[ignore = "needs Chromium and selenium; tests/run installs them and runs it"]
fn readable_everywhere() {
    let pictures = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("status");
    let many = parameter("STATUS_IDENTITIES", 100_000);
    for (identities, pools) in [(3, 1), (200, 3), (400, 40), (many, 3)] {
        let mut command = command();
        let size = [
            format!("--identities={identities}"),
            format!("--pools={pools}"),
        ];
        command.args(["demo", "--faults"]).args(size);
        let exporter = Exporter::run(command);
        // Failures are a part of the page; of a few identities none is denied. The pictures in
        // docs/ are of a page on which everybody was polled.
        eventually("a failure", || {
            let status: Value =
                serde_json::from_str(&get(&exporter.url("/api/v1/status")).1).unwrap();
            let failures = status["failures"].as_array().unwrap().len();
            let is_settled = status["first_sweep"].is_null() || identities == many;
            (is_settled && (failures > 0 || identities < 200)).then_some(())
        });
        let picture = format!("{}-{identities}", pictures.display());
        let seen = python("browser.py", &[&exporter.url("/"), &picture], "");
        let looks = &seen["looks"];
        for (look, found) in looks.as_object().unwrap() {
            assert_eq!(
                (&found["flaws"], &found["console"]),
                (&json!([]), &json!([])),
                "{identities} in {look}"
            );
        }
        for (look, _) in looks.as_object().unwrap() {
            if ["-search", "-identity", "-list"]
                .iter()
                .any(|page| look.ends_with(page))
            {
                continue;
            }
            let title = |page: &str| looks[format!("{look}{page}")]["title"].as_str().unwrap();
            assert_eq!(title(""), "cognitosync_exporter");
            assert_eq!(title("-list"), "Identities – cognitosync_exporter");
            // With few identities, there may be one in the region that is searched for.
            let is_found = title("-search") == "Search – cognitosync_exporter";
            assert!(is_found || identities == 3, "{}", title("-search"));
            let identity = &looks[format!("{look}-identity")];
            assert!(title("-identity").ends_with(" – cognitosync_exporter"));
            let path = format!("/api/v1/identities/{}", seen["id"].as_str().unwrap());
            assert_eq!(identity["address"], exporter.url(&path));
        }
        assert_ne!(looks["light"]["background"], looks["dark"]["background"]);
    }
}
