//! Faults that the simulator injects.

use std::collections::HashMap;

use crate::api::{Operation, Service};

/// A fault of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An error response with this status and code, as AWS sends it.
    Error(u16, &'static str),
    /// A response with this status, without code or body.
    Status(u16),
    /// A response with this status and an HTML page, as proxies send it.
    Html(u16),
    /// A success with this body.
    Body(String),
    /// A success with a body of 20 MiB.
    Oversized,
    /// No response.
    Hang,
    /// The connection is closed without a response.
    Close,
}

impl Fault {
    /// The exceptions of Cognito Sync's API model, with their statuses.
    pub const MODELLED: [Self; 5] = [
        Self::Error(403, "NotAuthorizedException"),
        Self::Error(400, "InvalidParameterException"),
        Self::Error(404, "ResourceNotFoundException"),
        Self::Error(500, "InternalErrorException"),
        Self::Error(429, "TooManyRequestsException"),
    ];

    /// The same of Cognito Identity, of the operations that the exporter calls.
    pub const IDENTITY_MODELLED: [Self; 8] = [
        Self::Error(400, "NotAuthorizedException"),
        Self::Error(400, "InvalidParameterException"),
        Self::Error(400, "ResourceNotFoundException"),
        Self::Error(400, "ResourceConflictException"),
        Self::Error(400, "InvalidIdentityPoolConfigurationException"),
        Self::Error(400, "ExternalServiceException"),
        Self::Error(400, "TooManyRequestsException"),
        Self::Error(500, "InternalErrorException"),
    ];

    /// A page of a list whose token is always the same, so that the list never ends.
    #[must_use]
    pub fn repeated_token() -> Self {
        Self::Body("{\"Count\":0,\"Datasets\":[],\"NextToken\":\"again\"}".to_owned())
    }

    /// A random fault of `demo --faults`. All are transient.
    pub(super) fn transient(service: Service, draw: u64) -> Self {
        let (throttled, cut) = match service {
            Service::CognitoSync => (429, "{\"IdentityUsage\":{\"DatasetCount\":"),
            Service::CognitoIdentity => (400, "{\"Identities\":[{\"IdentityId\":"),
        };
        match draw % 6 {
            0 => Self::Error(throttled, "TooManyRequestsException"),
            1 => Self::Error(500, "InternalErrorException"),
            2 => Self::Status(429),
            3 => Self::Html(502),
            4 => Self::Body(cut.to_owned()),
            _ => Self::Close,
        }
    }
}

/// The faults in force.
#[derive(Default)]
pub(super) struct Faults {
    by_id: HashMap<String, Fault>,
    by_operation: Vec<(Operation, Option<String>, Fault)>,
}

impl Faults {
    pub(super) fn set(&mut self, id: &str, fault: Option<Fault>) {
        match fault {
            Some(fault) => self.by_id.insert(id.to_owned(), fault),
            None => self.by_id.remove(id),
        };
    }

    pub(super) fn set_of(&mut self, operation: Operation, id: Option<&str>, fault: Option<Fault>) {
        let differs = |(of, about, _): &(Operation, Option<String>, Fault)| {
            (*of, about.as_deref()) != (operation, id)
        };
        self.by_operation.retain(differs);
        let added = fault.map(|fault| (operation, id.map(str::to_owned), fault));
        self.by_operation.extend(added);
    }

    /// The fault of a call: the most specific one of its operation, else that of its subject.
    /// `operation` is `None` for those that only apps call.
    pub(super) fn of_call(
        &self,
        operation: Option<Operation>,
        pool: &str,
        identity: Option<&str>,
    ) -> Option<Fault> {
        let of_operation = |id: Option<&str>| {
            let mut all = self.by_operation.iter();
            let is_its = |of: &Operation, about: &Option<String>| {
                (Some(*of), about.as_deref()) == (operation, id)
            };
            let found = all.find(|(of, about, _)| is_its(of, about));
            found.map(|(_, _, fault)| fault)
        };
        identity
            .and_then(|identity| of_operation(Some(identity)))
            .or_else(|| of_operation(Some(pool)))
            .or_else(|| of_operation(None))
            .or_else(|| self.by_id.get(identity.unwrap_or(pool)))
            .cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_fault_of_an_operation_counts() {
        let [everywhere, pool, identity, subject] = [500, 501, 502, 503].map(Fault::Status);
        let list = Operation::ListDatasets;
        let describe = Operation::DescribeIdentityUsage;
        let mut faults = Faults::default();
        faults.set_of(list, None, Some(everywhere.clone()));
        faults.set_of(list, Some("pool"), Some(Fault::Close));
        faults.set_of(list, Some("pool"), Some(pool.clone()));
        faults.set_of(list, Some("a"), Some(identity.clone()));
        faults.set("a", Some(subject.clone()));
        let of = |faults: &Faults, operation, about| faults.of_call(operation, "pool", about);
        assert_eq!(of(&faults, Some(list), Some("a")), Some(identity));
        assert_eq!(of(&faults, Some(list), Some("b")), Some(pool));
        assert_eq!(
            faults.of_call(Some(list), "other", Some("b")),
            Some(everywhere)
        );
        assert_eq!(of(&faults, Some(describe), Some("a")), Some(subject));
        assert_eq!(of(&faults, Some(describe), Some("b")), None);
        assert_eq!(of(&faults, None, Some("b")), None);
        for id in [None, Some("pool"), Some("a")] {
            faults.set_of(list, id, None);
        }
        assert_eq!(of(&faults, Some(list), Some("b")), None);
    }
}
