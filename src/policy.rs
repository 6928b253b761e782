//! `iam-policy`: the minimal IAM policy of each principal that one configuration uses.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::api::{Operation, Scope, Service};
use crate::config::{Datasets, Signer};
use crate::identity::PoolId;
use crate::targets::{Pool, Targets};

/// The account part of an ARN when the account is unknown.
const ANY_ACCOUNT: &str = "*";

/// Stands in a policy for the identity that calls.
const GUEST: &str = "${cognito-identity.amazonaws.com:sub}";

/// A principal and its policy.
#[derive(Debug, PartialEq, Eq)]
struct Grant {
    /// A role's ARN, or a description of the credentials.
    principal: String,
    policy: Policy,
}

/// An IAM policy document.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    version: &'static str,
    statement: Vec<Statement>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    sid: &'static str,
    effect: &'static str,
    action: String,
    resource: BTreeSet<String>,
}

impl Statement {
    fn allow(sid: &'static str, action: String, resource: BTreeSet<String>) -> Option<Self> {
        (!resource.is_empty()).then_some(Self {
            sid,
            effect: "Allow",
            action,
            resource,
        })
    }
}

/// The policies as JSON: one policy if there is one principal, otherwise an object with the policy
/// of each principal.
#[must_use]
pub fn text(targets: &Targets, account: Option<&str>) -> String {
    let grants = grants(targets, account);
    let text = match &grants[..] {
        [only] => serde_json::to_string_pretty(&only.policy),
        all => serde_json::to_string_pretty(
            &all.iter()
                .map(|grant| (&grant.principal, &grant.policy))
                .collect::<BTreeMap<_, _>>(),
        ),
    };
    text.expect("texts and lists of them are JSON") + "\n"
}

/// What no policy of the exporter's own allows: the rights of guests, in words.
pub fn notes(targets: &Targets, account: Option<&str>) -> impl Iterator<Item = String> {
    let pools = targets.pools.iter();
    let pools = pools.filter(|pool| pool.settings.signer == Signer::Guest);
    pools.map(move |pool| {
        format!(
            "pool {} is polled with the credentials of its guests, so the rights are those of its \
             role for unauthenticated identities: that needs cognito-sync:DescribeIdentityUsage on \
             {arn}/identity/{GUEST}, or cognito-sync:ListDatasets on {arn}/identity/{GUEST}/*; \
             GetCredentialsForIdentity needs no policy",
            pool.id,
            arn = pool_arn(pool, Service::CognitoSync, account),
        )
    })
}

/// One grant for each principal, in the order of their first pools. `account`, 12 digits, is that
/// of the pools without a role; any account if it is `None`.
fn grants(targets: &Targets, account: Option<&str>) -> Vec<Grant> {
    let mut principals: Vec<String> = Vec::new();
    for pool in targets.pools.iter().filter(has_account) {
        for principal in [Some(base_principal(pool)), role(pool).map(str::to_owned)]
            .into_iter()
            .flatten()
        {
            if !principals.contains(&principal) {
                principals.push(principal);
            }
        }
    }
    principals
        .into_iter()
        .map(|principal| grant(principal, targets, account))
        .collect()
}

fn grant(principal: String, targets: &Targets, account: Option<&str>) -> Grant {
    let is_polled_by_principal =
        |pool: &&Pool| role(pool).map_or_else(|| base_principal(pool), str::to_owned) == principal;
    let pools = targets.pools.iter().filter(has_account);
    let pools: Vec<_> = pools.filter(is_polled_by_principal).collect();
    let arns = |operation: Operation| {
        let (service, suffix) = (operation.service(), resource_suffix(operation));
        let calls = pools.iter().filter(|pool| is_called(operation, pool));
        calls
            .map(|pool| format!("{}{suffix}", pool_arn(pool, service, account)))
            .collect()
    };
    let assumed = targets
        .pools
        .iter()
        .filter(|pool| base_principal(pool) == principal)
        .filter_map(role)
        .map(str::to_owned);
    // A policy without `DescribeIdentityPoolUsage` only loses the pools' own gauges, one without
    // `ListDatasets` only what it alone says of full datasets.
    let calls = Operation::ALL.into_iter().map(|operation| {
        let action = format!("{}:{}", operation.service().as_str(), operation.as_str());
        Statement::allow(sid(operation), action, arns(operation))
    });
    let assume = Statement::allow(
        "AssumeRoles",
        "sts:AssumeRole".to_owned(),
        assumed.collect(),
    );
    let statement = calls.chain([assume]).flatten().collect();
    Grant {
        principal,
        policy: Policy {
            version: "2012-10-17",
            statement,
        },
    }
}

/// The name of the statement that allows an operation.
fn sid(operation: Operation) -> &'static str {
    match operation {
        Operation::DescribeIdentityUsage => "PollIdentities",
        Operation::DescribeIdentityPoolUsage => "PollPools",
        Operation::ListDatasets => "ListDatasets",
        Operation::ListIdentities => "ListIdentities",
        Operation::GetCredentialsForIdentity => "GetCredentials",
    }
}

/// Whether the daemon calls an operation for a pool or its identities.
fn is_called(operation: Operation, pool: &Pool) -> bool {
    let has_own_keys = pool.settings.signer == Signer::Account;
    match operation {
        Operation::DescribeIdentityUsage => has_own_keys,
        Operation::DescribeIdentityPoolUsage => pool.budget_of(operation).is_some(),
        Operation::ListDatasets => has_own_keys && pool.settings.datasets != Datasets::Off,
        Operation::ListIdentities => pool.settings.discover.is_some(),
        // It needs no policy: it is not signed.
        Operation::GetCredentialsForIdentity => false,
    }
}

/// What follows a pool's ARN in the resource of an operation.
fn resource_suffix(operation: Operation) -> &'static str {
    match operation.scope() {
        // `*` matches what AWS evaluates for `ListDatasets` too: `…/identity/ID/dataset/null`.
        Scope::Identity => "/identity/*",
        Scope::Pool => "",
    }
}

/// Whether the account's credentials are used for a pool.
fn has_account(pool: &&Pool) -> bool {
    pool.settings.has_account()
}

/// The principal that polls a pool, or that assumes the pool's role.
fn base_principal(pool: &Pool) -> String {
    match &pool.settings.account.profile {
        Some(profile) => format!("the credentials of profile {profile}"),
        None => "the exporter's own credentials".to_owned(),
    }
}

fn role(pool: &Pool) -> Option<&str> {
    pool.settings.account.role_arn.as_deref()
}

fn pool_arn(pool: &Pool, service: Service, account: Option<&str>) -> String {
    // arn:aws:iam::123456789012:role/name
    let account_of_role = role(pool).and_then(|role| role.split(':').nth(4));
    arn(&pool.id, service, account_of_role.or(account))
}

/// The ARN of a pool, of any account if it is not known. Source: the service authorization
/// references of Cognito Sync and Cognito Identity.
#[must_use]
pub fn arn(pool: &PoolId, service: Service, account: Option<&str>) -> String {
    let region = pool.region();
    let partition = match region {
        china if china.starts_with("cn-") => "aws-cn",
        government if government.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    let (service, account) = (service.as_str(), account.unwrap_or(ANY_ACCOUNT));
    format!("arn:{partition}:{service}:{region}:{account}:identitypool/{pool}")
}

#[cfg(test)]
mod tests {
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
        let pools = "{id: 'us-east-1:0', identities: ['us-east-1:1']}, {id: 'cn-north-1:2', identities: []}";
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
        let notes: Vec<_> = notes(&loaded.targets, Some("123456789012")).collect();
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
        let arn = |pool: &str| {
            format!("arn:aws:cognito-sync:r:123456789012:identitypool/{pool}/identity/*")
        };
        let resource = json!([arn("r:0"), arn("r:2")]);
        let expected = allow("ListDatasets", "cognito-sync:ListDatasets", &resource);
        assert_eq!(list(pools), Some(expected));
        assert_eq!(list("{id: 'r:3', datasets: 'off'}"), None);
    }
}
