//! Cognito Sync's operations.

use super::Simulator;
use super::body::{self, Page};
use super::reply::{AwsError, invalid, not_found, unknown_operation};
use super::request::{Action, DatasetAction, Request, is_dataset_name};
use super::written::{Moment, Refusal};
use crate::api::Operation;
use crate::identity::{IdentityId, PoolId, hash};

impl Simulator {
    /// Answers a request whose signature is for this region.
    pub(super) fn cognito_sync(&self, request: Request, region: &str) -> Result<String, AwsError> {
        let pool = PoolId::parse(&request.pool).map_err(|_| invalid("identityPoolId"))?;
        if pool.region() != region {
            return Err(not_found("IdentityPool", &request.pool));
        }
        if let Some(identity) = &request.identity {
            IdentityId::parse(identity).map_err(|_| invalid("identityId"))?;
        }
        let page = Page::of(&request, self.state().page_size);
        let page = page.ok_or_else(|| invalid("nextToken"))?;
        let (pool, identity) = (&request.pool, request.identity.as_deref());
        let identity = identity.unwrap_or_default();
        match request.action {
            Action::Read(operation) => self.read(operation, pool, identity, &page),
            Action::OfDataset(name, action) => {
                if !is_dataset_name(&name) {
                    return Err(invalid("datasetName"));
                }
                self.of_dataset((pool, identity, &name), action, &page)
            }
        }
    }

    fn read(
        &self,
        operation: Operation,
        pool: &str,
        identity: &str,
        page: &Page,
    ) -> Result<String, AwsError> {
        let (age, start) = self.age_and_start();
        let world = &self.state().world;
        match operation {
            Operation::DescribeIdentityUsage => {
                let usage = world.usage(pool, identity, age, start);
                let usage = usage.ok_or_else(|| not_found("Identity", identity))?;
                Ok(body::identity_usage(pool, identity, &usage))
            }
            Operation::DescribeIdentityPoolUsage => {
                let usage = world.pool_usage(pool, age, start);
                let usage = usage.ok_or_else(|| not_found("IdentityPool", pool))?;
                Ok(body::pool_usage(pool, &usage))
            }
            Operation::ListDatasets => {
                // AWS models no "not found" here: an unknown identity has no datasets.
                let listed = world.listed(pool, identity, age, start);
                Ok(page.of_datasets(identity, &listed.unwrap_or_default()))
            }
            Operation::ListIdentities | Operation::GetCredentialsForIdentity => {
                Err(unknown_operation())
            }
        }
    }

    /// What apps do with a dataset.
    fn of_dataset(
        &self,
        dataset: (&str, &str, &str),
        action: DatasetAction,
        page: &Page,
    ) -> Result<String, AwsError> {
        let (age, start) = self.age_and_start();
        let now = Moment {
            age,
            date: start + age,
        };
        let (pool, identity, name) = dataset;
        let session = format!("{:016x}", hash(&["session", pool, identity, name]));
        let world = &mut self.state().world;
        let refused = |refusal| match refusal {
            Refusal::Limit(what) => {
                let message = format!("Limit exceeded: {what} at most");
                (400, "LimitExceededException", message)
            }
            Refusal::Conflict(message) => (409, "ResourceConflictException", message),
            Refusal::NotFound => not_found("Dataset", name),
        };
        match action {
            DatasetAction::ListRecords(after) => {
                let written = world.dataset(dataset, age, start);
                let exists = written.at(age).flatten().is_some();
                Ok(page.of_records(&written, exists, after, &session))
            }
            DatasetAction::UpdateRecords(update) => {
                let update = update.ok_or_else(|| invalid("the body"))?;
                if update.sync_session_token != session {
                    return Err(invalid("syncSessionToken"));
                }
                let device = update.device_id.clone();
                let patches = update.into_patches();
                let patches = patches.ok_or_else(|| invalid("recordPatches"))?;
                let written = world.update(dataset, patches, device.as_deref(), now);
                let (written, keys) = written.map_err(refused)?;
                Ok(body::updated(written, &keys))
            }
            DatasetAction::Delete => {
                let listed = world.delete(dataset, now).map_err(refused)?;
                Ok(body::deleted(identity, &listed))
            }
        }
    }
}

#[cfg(test)]
mod tests;
