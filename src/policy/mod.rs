//! `iam-policy`: the minimal IAM policy of each principal that one configuration uses, and the
//! trust policies of its roles.

mod trust;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;

use trust::Trust;

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

/// Which documents are printed.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// The account of pools without a role, 12 digits; any account if it is `None`.
    pub account: Option<String>,
    /// The principal whose document is printed alone.
    pub principal: Option<String>,
    /// Who may assume the roles. If there are any, trust policies are printed.
    pub callers: Vec<String>,
    /// The configuration's file, if it was named.
    pub config_file: Option<PathBuf>,
}

impl Ask {
    /// The same question with another flag, as a command of a shell.
    fn with(&self, flag: &str, value: &str) -> String {
        let mut words = vec!["cognitosync_exporter iam-policy".to_owned()];
        if let Some(file) = &self.config_file {
            words.push(format!("--config.file={}", quoted(&file.to_string_lossy())));
        }
        if let Some(account) = &self.account {
            words.push(format!("--account={account}"));
        }
        words.push(format!("{flag} {value}"));
        words.join(" ")
    }
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=,+@".contains(c);
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    let is_expanded = |c: char| "$`\"\\!".contains(c);
    match text.contains(is_expanded) {
        true => format!("'{}'", text.replace('\'', r"'\''")),
        false => format!("\"{text}\""),
    }
}

/// The documents as JSON: one document if there is one principal, otherwise an object with that of
/// each principal.
///
/// # Errors
/// A sentence, if there is no such principal, or no role to be assumed.
pub fn text(targets: &Targets, ask: &Ask) -> Result<String, String> {
    if ask.callers.is_empty() {
        let grants = grants(targets, ask.account.as_deref());
        let grants = grants.into_iter().map(|it| (it.principal, it.policy));
        return Ok(json(&chosen(grants.collect(), ask)?));
    }
    let roles = targets.pools.iter().filter_map(role);
    let trusts: BTreeMap<_, _> = roles
        .map(|role| {
            let trust = Trust::of(&ask.callers, external_ids(targets, role));
            (role.to_owned(), trust)
        })
        .collect();
    if trusts.is_empty() {
        return Err("no pool has a role_arn, so there is no role with a trust policy".to_owned());
    }
    let is_chosen = |role: &&String| ask.principal.as_ref().is_none_or(|it| it == *role);
    for role in trusts.keys().filter(is_chosen) {
        let of_role = partition(role);
        if let Some(foreign) = ask.callers.iter().find(|it| partition(it) != of_role) {
            return Err(format!(
                "{foreign} cannot assume {role}: one is of the partition {}, the other of {of_role}; \
                 expected --trust arn:{of_role}:…",
                partition(foreign)
            ));
        }
    }
    Ok(json(&chosen(trusts, ask)?))
}

/// `aws`, or that of China, GovCloud or another part of AWS that shares no identities with it.
fn partition(arn: &str) -> &str {
    arn.split(':').nth(1).unwrap_or_default()
}

/// One document, or those of all principals by their names.
#[derive(Serialize)]
#[serde(untagged)]
enum Documents<T> {
    One(T),
    All(BTreeMap<String, T>),
}

fn chosen<T>(mut all: BTreeMap<String, T>, ask: &Ask) -> Result<Documents<T>, String> {
    if let Some(principal) = &ask.principal {
        let document = all.remove(principal).map(Documents::One);
        return document.ok_or_else(|| {
            let names: Vec<_> = all.keys().map(|name| format!("`{name}`")).collect();
            format!("--principal has to be one of {}", names.join(", "))
        });
    }
    match all.len() {
        1 => Ok(Documents::One(
            all.into_values().next().expect("it has one"),
        )),
        _ => Ok(Documents::All(all)),
    }
}

fn json(document: &impl Serialize) -> String {
    serde_json::to_string_pretty(document).expect("texts and lists of them are JSON") + "\n"
}

/// The external ids that callers of a role give; empty if some give none.
fn external_ids<'a>(targets: &'a Targets, of: &str) -> BTreeSet<&'a str> {
    let pools = targets.pools.iter().filter(|pool| role(pool) == Some(of));
    let ids: Option<_> = pools
        .map(|pool| pool.settings.account.external_id.as_deref())
        .collect();
    ids.unwrap_or_default()
}

/// What the printed documents do not say, in words.
#[must_use]
pub fn notes(targets: &Targets, ask: &Ask) -> Vec<String> {
    let grants = grants(targets, ask.account.as_deref());
    if !ask.callers.is_empty() {
        return Vec::new();
    }
    let mut notes = Vec::new();
    if ask.principal.is_none() && grants.len() > 1 {
        notes
            .push("each principal needs a policy of its own; print one for the AWS CLI by:".into());
        let names = grants.iter().map(|grant| quoted(&grant.principal));
        notes.extend(names.map(|name| format!("  {}", ask.with("--principal", &name))));
    }
    let is_asked = |role: &&str| ask.principal.as_deref().is_none_or(|it| it == *role);
    let roles = targets.pools.iter().filter_map(role);
    let roles: BTreeSet<_> = roles.filter(is_asked).collect();
    if !roles.is_empty() {
        notes.push(
            "each role needs a trust policy as well; ARN is the user or role that the exporter \
             runs as:"
                .to_owned(),
        );
        let asked = |role: &str| ask.with("--principal", &format!("{role} --trust ARN"));
        notes.extend(roles.into_iter().map(|role| format!("  {}", asked(role))));
    }
    if ask.principal.is_none() {
        notes.extend(guests(targets, ask.account.as_deref()));
    }
    notes
}

/// What no policy of the exporter's own allows: the rights of guests.
fn guests(targets: &Targets, account: Option<&str>) -> impl Iterator<Item = String> {
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
mod tests;
