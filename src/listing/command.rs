//! `list-pools` and `list-identities`: a whole list, written as it comes.

use std::collections::HashMap;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use super::error::{ListError, Refusal};
use super::lister::{Lister, PageError};
use super::output::{self, Output, OutputError};
use super::progress::{Progress, Shown};
use super::what::{Entry, What};
use crate::api::{CallError, Directory};
use crate::aws::{self, Connector, Credentials, Network};
use crate::clock::Clock;
use crate::config::{Account, PollSettings, check_region, is_known_region, similar_region};
use crate::discovery::completed;

/// Calls in a row that fail before a list is given up, which takes a minute or more.
const ATTEMPTS: u32 = 8;
/// Passes in a row that were cut off and brought nothing new, before a list is given up.
const MAX_VAIN_PASSES: u32 = 3;
/// Pages in a row that bring nobody new to a pass, before a list is given up: tokens may lead
/// round in a circle. It is more than a hundred, since those that are disabled may leave pages
/// empty: there may be 60,000 of them in a row.
const MAX_VAIN_PAGES: u32 = 1_000;
/// Time between two looks at the clock while a page is waited for.
const TICK: Duration = Duration::from_secs(1);

/// A list that is wanted.
#[derive(Clone, Debug)]
pub struct ListRequest {
    pub what: What,
    /// `None` for that of the pool, or of the environment.
    pub region: Option<String>,
    pub account: Account,
    pub endpoint_url: Option<String>,
    /// Calls per second, more than 0.
    pub rate_limit: f64,
    /// `None` for standard output.
    pub output: Option<PathBuf>,
}

/// A list of which all is written.
#[derive(Debug)]
struct Listed {
    output: Output,
    progress: Progress,
}

impl ListRequest {
    /// Lists, until `stop` says why not to go on. What is written ends with a line that says so,
    /// unless the list is not complete. Once it is, it is no longer stopped.
    ///
    /// # Errors
    /// When it is not complete.
    pub async fn run(
        self,
        shown: Shown,
        clock: Clock,
        stop: impl Future<Output = &'static str>,
    ) -> Result<(), ListError> {
        let list = async {
            let region = self.region().await?;
            if !is_known_region(&region) {
                let meant = similar_region(&region);
                let meant = meant.map_or_else(String::new, |it| format!(": did you mean `{it}`?"));
                warn!("the AWS SDK does not know the region {region}{meant}");
            }
            let network = Network::from_environment(clock.clone())?;
            let directory = Connector::new(Credentials::Aws, network, clock.clone()).directory(
                &region,
                &self.account,
                self.endpoint_url.as_deref(),
                PollSettings::default().timeout,
            );
            self.write(directory, &region, shown, clock.clone()).await
        };
        complete(list, &clock, stop).await
    }

    async fn region(&self) -> Result<String, ListError> {
        if let What::Identities { pool, .. } = &self.what {
            return Ok(pool.region().to_owned());
        }
        match &self.region {
            Some(region) => Ok(region.clone()),
            None => {
                let region = aws::default_region(self.account.profile.as_deref()).await;
                let region = region.ok_or(ListError::NoRegion)?;
                check_region(&region).map_err(ListError::Region)?;
                Ok(region)
            }
        }
    }

    /// Writes the whole list.
    async fn write(
        &self,
        directory: Arc<dyn Directory>,
        region: &str,
        shown: Shown,
        clock: Clock,
    ) -> Result<Listed, ListError> {
        let path = self.output.clone();
        let (mut output, expected) = blocking(move || {
            let before = path.as_deref().and_then(output::last_line);
            let expected = before.as_deref().and_then(completed);
            Ok((Output::open(path.as_deref())?, expected))
        })
        .await?;
        let now = clock.now();
        let mut progress = Progress::new(shown, self.what.things(), expected, self.rate_limit, now);
        let last_failure = progress.last_failure();
        let at = region.to_owned();
        let observer = Box::new(move |_, error: Option<&CallError>, _: &_, _: &_| {
            last_failure.set(error, &at);
        });
        let mut lister = Lister::new(
            directory,
            self.rate_limit,
            ATTEMPTS,
            observer,
            clock.clone(),
        );
        // And the last pass that brought each.
        let mut listed = HashMap::new();
        let mut token = None;
        let (mut listed_before, mut vain_passes) = (0, 0);
        let (mut pass, mut vain_pages) = (0_u32, 0);
        loop {
            let page = self.page(&mut lister, token.as_deref(), &mut progress, &clock);
            let (entries, next) = match page.await {
                Ok(page) => page,
                Err(PageError::TokenRefused) => {
                    let is_vain = listed.len() == listed_before;
                    vain_passes = if is_vain { vain_passes + 1 } else { 0 };
                    if vain_passes == MAX_VAIN_PASSES {
                        return Err(ListError::TokensRefused);
                    }
                    warn!(
                        "AWS refuses the token of the next page; the list is read again from its first page"
                    );
                    (listed_before, token) = (listed.len(), None);
                    (pass, vain_pages) = (pass + 1, 0);
                    continue;
                }
                Err(PageError::Failed(error)) => {
                    let what = self.what.clone();
                    return Err(ListError::Call(Refusal {
                        error,
                        what,
                        region: region.to_owned(),
                        role_arn: self.account.role_arn.clone(),
                    }));
                }
            };
            let mut lines = String::new();
            vain_pages += 1;
            for entry in entries {
                let entry = entry.checked(region).map_err(ListError::Malformed)?;
                match listed.get_mut(&entry.id) {
                    Some(last) if *last == pass => {}
                    Some(last) => (*last, vain_pages) = (pass, 0),
                    None => {
                        entry.write(&mut lines);
                        listed.insert(entry.id, pass);
                        vain_pages = 0;
                    }
                }
            }
            let is_last = next.is_none();
            if !is_last && vain_pages == MAX_VAIN_PAGES {
                return Err(ListError::NoEnd(MAX_VAIN_PAGES));
            }
            if is_last {
                lines += &self.what.completion(listed.len());
                lines.push('\n');
            }
            output = blocking(move || {
                output.write(&lines)?;
                Ok(output)
            })
            .await?;
            progress.page(listed.len(), lister.rate());
            if is_last {
                return Ok(Listed { output, progress });
            }
            token = next;
        }
    }

    /// A page, while progress is shown.
    async fn page(
        &self,
        lister: &mut Lister,
        token: Option<&str>,
        progress: &mut Progress,
        clock: &Clock,
    ) -> Result<(Vec<Entry>, Option<String>), PageError> {
        let mut page = pin!(self.what.page(lister, token));
        loop {
            let now = clock.now();
            progress.show(now);
            tokio::select! {
                page = &mut page => return page,
                () = clock.sleep_until(now.mono + TICK) => {}
            }
        }
    }
}

/// Lets a list take its place once all of it is written, unless `stop` says before why not to.
/// From then on it is not stopped: nobody could say whether the file has appeared.
async fn complete(
    list: impl Future<Output = Result<Listed, ListError>>,
    clock: &Clock,
    stop: impl Future<Output = &'static str>,
) -> Result<(), ListError> {
    let Listed { output, progress } = tokio::select! {
        listed = list => listed?,
        why = stop => return Err(ListError::Interrupted(why)),
    };
    blocking(|| output.complete()).await?;
    progress.complete(clock.now());
    Ok(())
}

/// Runs what may block: a reader of standard output that is slow must not keep signals from being
/// heard.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OutputError> + Send + 'static,
) -> Result<T, ListError> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|_| ListError::Panicked)??)
}

#[cfg(test)]
mod tests;
