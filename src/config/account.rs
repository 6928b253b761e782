//! What a region, a profile, a role and an external id look like. No message repeats one: an
//! external id is half a secret.

use thiserror::Error;

/// Why a text is none of them.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum InvalidAccount {
    #[error("is no region, expected one such as us-east-1")]
    Region,
    #[error("has {0:?} in it, expected letters, digits, punctuation and spaces")]
    Profile(char),
    #[error("is not the ARN of a role, expected arn:aws:iam::123456789012:role/NAME")]
    RoleArn,
    #[error("is the ARN of a user, expected that of a role, arn:aws:iam::123456789012:role/NAME")]
    User,
    #[error(
        "is the ARN of an instance profile, expected that of the role in it, \
         arn:aws:iam::123456789012:role/NAME"
    )]
    InstanceProfile,
    #[error(
        "is the ARN of a session, expected that of its role, arn:aws:iam::123456789012:role/NAME"
    )]
    Session,
    #[error("has an account of {0} characters, expected 12 digits")]
    AccountId(usize),
    #[error("is not an external id, expected 2 to 1224 letters, digits and _+=,.@:/-")]
    ExternalId,
}

/// A part of host names.
pub(crate) fn check_region(text: &str) -> Result<(), InvalidAccount> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let is_region = !text.is_empty() && text.chars().all(is_part);
    is_region.then_some(()).ok_or(InvalidAccount::Region)
}

/// A name in the shared AWS configuration.
pub(crate) fn check_profile(text: &str) -> Result<(), InvalidAccount> {
    match text.chars().find(|c| c.is_control()) {
        Some(found) => Err(InvalidAccount::Profile(found)),
        None => Ok(()),
    }
}

/// `arn:PARTITION:iam::ACCOUNT:role/PATH`, as IAM defines it.
pub(crate) fn check_role_arn(arn: &str) -> Result<(), InvalidAccount> {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    let ["arn", partition, service, "", account, name] = parts[..] else {
        return Err(InvalidAccount::RoleArn);
    };
    let kind = name.split('/').next().unwrap_or_default();
    match (service, kind) {
        ("iam", "role") => {}
        ("iam", "user") => return Err(InvalidAccount::User),
        ("iam", "instance-profile") => return Err(InvalidAccount::InstanceProfile),
        ("sts", "assumed-role") => return Err(InvalidAccount::Session),
        _ => return Err(InvalidAccount::RoleArn),
    }
    if account.len() != 12 || account.bytes().any(|byte| !byte.is_ascii_digit()) {
        return Err(InvalidAccount::AccountId(account.chars().count()));
    }
    let has_name = name.len() > "role/".len();
    let is_role = partition.starts_with("aws") && has_name && !arn.contains(char::is_control);
    is_role.then_some(()).ok_or(InvalidAccount::RoleArn)
}

/// 2 to 1,224 characters of `[\w+=,.@:/-]` (STS API, `AssumeRole`).
pub(crate) fn check_external_id(id: &str) -> Result<(), InvalidAccount> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
    let is_one = (2..=1_224).contains(&id.len()) && id.chars().all(fits);
    is_one.then_some(()).ok_or(InvalidAccount::ExternalId)
}
