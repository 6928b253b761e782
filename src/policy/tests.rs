//! Policies of small configurations.

use super::*;
use crate::loading;
use serde_json::{Value, json};
use std::path::Path;

fn policies(pools: &str, account: Option<&str>) -> Vec<(String, Value)> {
    let text = format!("pools: [{pools}]");
    let loaded = loading::parse(Path::new("file"), &text).unwrap();
    let grants = grants(&loaded.targets, account).into_iter();
    grants
        .map(|grant| (grant.principal, serde_json::to_value(grant.policy).unwrap()))
        .collect()
}

fn allow(sid: &str, action: &str, resource: &Value) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource})
}

#[test]
fn only_polled_pools_are_allowed() {
    let pools =
        "{id: 'us-east-1:0', identities: ['us-east-1:1']}, {id: 'cn-north-1:2', identities: []}";
    let statements = |account: &str| {
        let [east, china] = [
            format!("arn:aws:cognito-sync:us-east-1:{account}:identitypool/us-east-1:0"),
            format!("arn:aws-cn:cognito-sync:cn-north-1:{account}:identitypool/cn-north-1:2"),
        ];
        json!([
            allow(
                "PollIdentities",
                "cognito-sync:DescribeIdentityUsage",
                &json!([format!("{china}/identity/*"), format!("{east}/identity/*")])
            ),
            allow(
                "PollPools",
                "cognito-sync:DescribeIdentityPoolUsage",
                &json!([china, east])
            ),
            allow(
                "ListDatasets",
                "cognito-sync:ListDatasets",
                &json!([format!("{china}/identity/*"), format!("{east}/identity/*")])
            ),
        ])
    };
    for (expected, account) in [("*", None), ("123456789012", Some("123456789012"))] {
        let policy = json!({"Version": "2012-10-17", "Statement": statements(expected)});
        assert_eq!(
            policies(pools, account),
            [("the exporter's own credentials".to_owned(), policy)]
        );
    }
}

#[test]
fn a_role_may_poll_and_the_exporter_may_assume_it() {
    let role = "arn:aws:iam::210987654321:role/sync";
    let policies = policies(
        &format!("{{id: 'r:0', identities: ['r:1'], role_arn: '{role}', profile: p}}"),
        Some("123456789012"),
    );
    let assume = json!([allow("AssumeRoles", "sts:AssumeRole", &json!([role]))]);
    assert_eq!(
        policies[0],
        (
            "the credentials of profile p".to_owned(),
            json!({"Version": "2012-10-17", "Statement": assume})
        )
    );
    assert_eq!(policies[1].0, role);
    let resource = &policies[1].1["Statement"][0]["Resource"][0];
    assert_eq!(
        resource,
        "arn:aws:cognito-sync:r:210987654321:identitypool/r:0/identity/*"
    );
    assert_eq!(policies.len(), 2);
}

#[test]
fn guests_need_no_policy_and_a_note_says_what_their_role_needs() {
    let guest = "{id: 'r:2', identities: ['r:3'], identity_credentials: guest}";
    assert_eq!(policies(guest, None), []);
    let both = format!("{{id: 'r:0', identities: ['r:1']}}, {guest}");
    let (_, policy) = policies(&both, None).remove(0);
    assert!(!policy.to_string().contains("r:2"), "{policy}");
    let text = format!("pools: [{both}]");
    let loaded = loading::parse(Path::new("file"), &text).unwrap();
    let ask = Ask {
        account: Some("123456789012".to_owned()),
        ..Ask::default()
    };
    let notes = notes(&loaded.targets, &ask);
    assert_eq!(notes.len(), 1);
    let arn = "arn:aws:cognito-sync:r:123456789012:identitypool/r:2/identity/\
               ${cognito-identity.amazonaws.com:sub}";
    for part in [
        &format!("cognito-sync:DescribeIdentityUsage on {arn},"),
        &format!("cognito-sync:ListDatasets on {arn}/*;"),
    ] {
        assert!(notes[0].contains(part), "{}", notes[0]);
    }
}

#[test]
fn lists_are_allowed_where_they_are_called() {
    let pools = "{id: 'r:0', identities: ['r:1']}, {id: 'r:2', datasets: each}, {id: 'r:3', datasets: 'off'}";
    let list = |pools: &str| {
        let (_, policy) = policies(pools, Some("123456789012")).remove(0);
        let statements = policy["Statement"].as_array().unwrap().clone();
        let list = statements
            .iter()
            .find(|statement| statement["Sid"] == "ListDatasets");
        list.cloned()
    };
    let arn =
        |pool: &str| format!("arn:aws:cognito-sync:r:123456789012:identitypool/{pool}/identity/*");
    let resource = json!([arn("r:0"), arn("r:2")]);
    let expected = allow("ListDatasets", "cognito-sync:ListDatasets", &resource);
    assert_eq!(list(pools), Some(expected));
    assert_eq!(list("{id: 'r:3', datasets: 'off'}"), None);
}

const ROLE: &str = "arn:aws:iam::210987654321:role/sync";
const CALLER: &str = "arn:aws:iam::123456789012:role/exporter";

/// What is printed for two pools, of which one has a role, or the error.
fn printed(principal: Option<&str>, callers: &[&str], role: &str) -> Result<Value, String> {
    let text = format!(
        "pools: [{{id: 'r:0', identities: ['r:1']}}, {{id: 'r:2', identities: ['r:3'] {role}}}]"
    );
    let loaded = loading::parse(Path::new("file"), &text).unwrap();
    let ask = Ask {
        account: None,
        principal: principal.map(str::to_owned),
        callers: callers.iter().map(|&caller| caller.to_owned()).collect(),
        config_file: None,
    };
    text_of(&loaded.targets, &ask)
}

fn text_of(targets: &Targets, ask: &Ask) -> Result<Value, String> {
    text(targets, ask).map(|text| serde_json::from_str(&text).unwrap())
}

#[test]
fn each_principal_has_a_document_that_stands_alone() {
    let role = format!(", role_arn: '{ROLE}'");
    let all = printed(None, &[], &role).unwrap();
    for principal in ["the exporter's own credentials", ROLE] {
        let one = printed(Some(principal), &[], &role).unwrap();
        assert_eq!(one["Version"], "2012-10-17");
        assert_eq!(one, all[principal]);
    }
    let error = printed(Some("me"), &[], &role).unwrap_err();
    assert_eq!(
        error,
        format!("--principal has to be one of `{ROLE}`, `the exporter's own credentials`")
    );
}

#[test]
fn a_role_trusts_its_callers_if_they_give_the_external_id() {
    let trust = |role: &str| printed(None, &[CALLER], role);
    let mut statement = json!({
        "Effect": "Allow", "Principal": {"AWS": [CALLER]}, "Action": "sts:AssumeRole",
    });
    let role = format!(", role_arn: '{ROLE}'");
    let expected = json!({"Version": "2012-10-17", "Statement": [&statement]});
    assert_eq!(trust(&role), Ok(expected));
    statement["Condition"] = json!({"StringEquals": {"sts:ExternalId": ["a1b2"]}});
    let expected = json!({"Version": "2012-10-17", "Statement": [statement]});
    assert_eq!(trust(&format!("{role}, external_id: a1b2")), Ok(expected));
    assert!(trust("").unwrap_err().contains("no role"));
}

#[test]
fn a_role_of_another_partition_is_refused() {
    let china = format!(", role_arn: '{}'", ROLE.replace("arn:aws:", "arn:aws-cn:"));
    let error = printed(None, &[CALLER], &china).unwrap_err();
    for part in [CALLER, "expected --trust arn:aws-cn:"] {
        assert!(error.contains(part), "{error}");
    }
    let caller = CALLER.replace("arn:aws:", "arn:aws-cn:");
    assert!(printed(None, &[&caller], &china).is_ok());
}

#[test]
fn notes_are_commands_for_what_is_missing() {
    let text = format!(
        "pools: [{{id: 'r:0', identities: ['r:1']}}, {{id: 'r:2', role_arn: '{ROLE}', \
         identities: ['r:3']}}, {{id: 'r:4', identities: [], identity_credentials: guest}}]"
    );
    let loaded = loading::parse(Path::new("file"), &text).unwrap();
    let notes = |principal: Option<&str>, callers: &[&str]| {
        let ask = Ask {
            account: Some("123456789012".to_owned()),
            principal: principal.map(str::to_owned),
            callers: callers.iter().map(|&caller| caller.to_owned()).collect(),
            config_file: Some("my files/$a.yaml".into()),
        };
        notes(&loaded.targets, &ask).join("\n")
    };
    let command = "\n  cognitosync_exporter iam-policy --config.file='my files/$a.yaml' \
                   --account=123456789012 --principal";
    let trust = format!("{command} {ROLE} --trust ARN");
    let all = notes(None, &[]);
    for part in [
        &format!("{command} \"the exporter's own credentials\"\n"),
        &format!("{command} {ROLE}\n"),
        &trust,
        "its guests",
    ] {
        assert!(all.contains(part), "{all}");
    }
    let of_role = notes(Some(ROLE), &[]);
    assert!(
        of_role.ends_with(&trust) && of_role.lines().count() == 2,
        "{of_role}"
    );
    assert_eq!(notes(Some("the exporter's own credentials"), &[]), "");
    assert_eq!(notes(None, &[CALLER]), "");
}
