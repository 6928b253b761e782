//! Who may assume a role.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// A role's trust policy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Trust {
    version: &'static str,
    statement: [Statement; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    effect: &'static str,
    principal: BTreeMap<&'static str, Vec<String>>,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Condition>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Condition {
    string_equals: BTreeMap<&'static str, Vec<String>>,
}

impl Trust {
    /// One that lets these callers assume the role, and only with one of these external ids unless
    /// there are none.
    pub(super) fn of(callers: &[String], external_ids: BTreeSet<&str>) -> Self {
        let condition = (!external_ids.is_empty()).then(|| {
            let ids = external_ids.into_iter().map(str::to_owned).collect();
            Condition {
                string_equals: BTreeMap::from([("sts:ExternalId", ids)]),
            }
        });
        Self {
            version: "2012-10-17",
            statement: [Statement {
                effect: "Allow",
                principal: BTreeMap::from([("AWS", callers.to_vec())]),
                action: "sts:AssumeRole",
                condition,
            }],
        }
    }
}
