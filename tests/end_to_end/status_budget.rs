//! What the status page and its JSON tell of how much of each budget is in use.

use cognitosync_exporter::api::Operation::{
    DescribeIdentityUsage, GetCredentialsForIdentity, ListIdentities,
};
use cognitosync_exporter::simulator::{Call, Fault};
use serde_json::Value;

use crate::guests::guests;
use crate::status::page;
use crate::support::{Exporter, Server, eventually, pool_id, still_world};

const IDENTITIES: usize = 20;
/// The names of the budgets without their endpoint: of polls, also by guests' keys, of passes and
/// of exchanges.
const BUDGETS: [&str; 4] = [
    "us-east-1",
    "us-east-1 guest",
    "us-east-1 cognito-identity",
    "us-east-1 guest cognito-identity",
];
/// Of all budgets together: 50, 10 of guests, 20 and 10 of exchanges.
const CEILING: f64 = 90.0;

fn status(exporter: &Exporter) -> Value {
    serde_json::from_str(&page(exporter, "/api/v1/status").1).unwrap()
}

/// A pool that is discovered, and one of guests, whose keys live for 4 s.
fn start(server: &Server) -> Exporter {
    let life = std::time::Duration::from_secs(4);
    server.simulator.set_key_life(life);
    let guest = guests(
        "interval: 1s, attempts: 1, rate_limit: 50",
        server,
        2,
        IDENTITIES,
    );
    let discovered = format!(
        "  cognito_identity_endpoint_url: {}\n  series: each\n  \
         discover: {{interval: 1s, rate_limit: 20}}\n  identities:",
        server.url
    );
    let as_guest = format!(
        "  cognito_identity_endpoint_url: {}\n  identity_credentials: guest\n  identities:",
        server.url
    );
    // The first pool only.
    Exporter::start(&guest.replacen(&as_guest, &discovered, 1))
}

/// The position in [`BUDGETS`] of what a call draws on.
fn drawn_on(call: &Call) -> usize {
    match call.operation {
        ListIdentities => 2,
        GetCredentialsForIdentity => 3,
        _ => usize::from(call.keys_of.is_some()),
    }
}

/// A budget of a status.
fn budget<'a>(status: &'a Value, name: &str, server: &Server) -> &'a Value {
    let name = format!("{name} {}", server.url.trim_start_matches("http://"));
    let budgets = status["polling"]["budgets"].as_array().unwrap();
    let found = budgets.iter().find(|budget| budget["budget"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {status}"))
}

#[test]
fn calls_per_second_agree_with_what_the_service_counted() {
    let server = Server::start(still_world(2, IDENTITIES));
    let exporter = start(&server);
    let mut counted = [0.0; BUDGETS.len()];
    let count = |counted: &mut [f64; BUDGETS.len()]| {
        for call in server.simulator.take_call_log() {
            counted[drawn_on(&call)] += 1.0;
        }
    };
    let (before, status) = eventually("calls of all kinds", || {
        count(&mut counted);
        let (before, status) = (counted, status(&exporter));
        let is_settled = status["up_seconds"].as_f64() > Some(10.0);
        (is_settled && before.iter().all(|calls| *calls >= 8.0)).then_some((before, status))
    });
    count(&mut counted);
    let up = status["up_seconds"].as_f64().unwrap();
    let mut sum = 0.0;
    for (index, name) in BUDGETS.into_iter().enumerate() {
        let budget = budget(&status, name, &server);
        let per_second = budget["calls_per_second"].as_f64().unwrap();
        sum += per_second;
        // The start of the process is a little before that of its polls, and the last calls may
        // not have arrived.
        let (least, most) = (before[index] * 0.6 - 5.0, counted[index] * 1.5 + 5.0);
        let calls = per_second * up;
        assert!(
            least <= calls && calls <= most,
            "{least} to {most} were counted: {budget}"
        );
        assert_eq!(budget["throttled_ratio"], 0.0, "{budget}");
    }
    let polling = &status["polling"];
    let all = polling["calls_per_second"].as_f64().unwrap();
    assert!((all - sum).abs() < 1e-6, "{polling}");
    assert_eq!(
        (&polling["ceiling"], &polling["throttled_ratio"]),
        (&CEILING.into(), &0.0.into())
    );
    let (_, html) = page(&exporter, "/");
    let words = format!(" of {CEILING} calls/s, throttled 0 %.");
    assert!(html.contains("using ") && html.contains(&words), "{html}");
}

#[test]
fn throttled_calls_show_in_their_budget_and_in_the_sentence() {
    let server = Server::start(still_world(2, IDENTITIES));
    let throttled = Some(Fault::Error(429, "TooManyRequestsException"));
    let simulator = &server.simulator;
    simulator.set_operation_fault(DescribeIdentityUsage, Some(&pool_id(0)), throttled.clone());
    let exporter = start(&server);
    let ratio =
        |name: &str, status: &Value| budget(status, name, &server)["throttled_ratio"].as_f64();
    let status = eventually("throttled calls", || {
        let status = status(&exporter);
        let calls = |name: &&str| ratio(name, &status).is_some();
        let all_call = BUDGETS.iter().all(calls);
        (all_call && ratio(BUDGETS[0], &status) > Some(0.0)).then_some(status)
    });
    let all = status["polling"]["throttled_ratio"].as_f64();
    assert!(
        all > Some(0.0) && all < ratio(BUDGETS[0], &status),
        "{status}"
    );
    for name in &BUDGETS[1..] {
        assert_eq!(ratio(name, &status), Some(0.0), "{status}");
    }
    let (_, html) = page(&exporter, "/");
    let words = format!(" of {CEILING} calls/s, throttled ");
    assert!(
        html.contains(&words) && !html.contains("calls/s, throttled 0 %"),
        "{html}"
    );
    let calls = simulator.take_call_log();
    let fired = calls.iter().filter(|call| call.fault == throttled);
    assert!(fired.count() > 0, "the fault fired");
}

/// The calls that would have followed were not sent.
#[test]
fn throttled_exchanges_are_no_calls_of_the_budget_that_needed_them() {
    let server = Server::start(still_world(2, IDENTITIES));
    let throttled = Some(Fault::Error(400, "TooManyRequestsException"));
    let simulator = &server.simulator;
    simulator.set_operation_fault(GetCredentialsForIdentity, None, throttled.clone());
    let exporter = start(&server);
    let status = eventually("throttled exchanges, and none under way", || {
        let status = status(&exporter);
        let exchanges = budget(&status, BUDGETS[3], &server)["throttled_ratio"] == 1.0;
        let calls = budget(&status, BUDGETS[1], &server)["throttled_ratio"] == Value::Null;
        (exchanges && calls).then_some(status)
    });
    let guests = budget(&status, BUDGETS[1], &server);
    assert_eq!(guests["calls_per_second"], 0.0, "{guests}");
    let calls = simulator.take_call_log();
    let exchanges = calls.iter().filter(|call| drawn_on(call) == 3);
    let fired: Vec<_> = exchanges.map(|call| call.fault == throttled).collect();
    assert!(
        !fired.is_empty() && fired.iter().all(|fired| *fired),
        "the fault fired"
    );
    assert!(calls.iter().all(|call| drawn_on(call) != 1));
    let (_, html) = page(&exporter, "/");
    assert!(
        html.contains("none needed") && html.contains("no call"),
        "{html}"
    );
}
