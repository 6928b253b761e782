//! One call in flight, with the exchange before it.

use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use crate::api::{Api, CallError, Continuation, Failure, Operation, Reply, Request};
use crate::clock::{Clock, Timestamp};
use crate::job::Job;
use crate::schedule::{Ticket, TicketId};
use crate::targets::Targets;

/// A call that exceeds its own timeout by this much is aborted, so that its slot is freed even if
/// the API does not enforce the timeout.
const TIMEOUT_GRACE: Duration = Duration::from_secs(1);
/// The most pages of one answer. A service that sends more is assumed to loop.
pub(super) const MAX_PAGES: u32 = 100;

/// A call in flight.
pub(super) struct SentCall {
    pub(super) ticket: TicketId,
    pub(super) job: Job,
    pub(super) requested_at: Timestamp,
}

/// A call that has ended.
pub(super) struct CallResult {
    /// The exchange before it, if it needed one.
    pub(super) exchange: Option<ExchangeResult>,
    /// How long it took, without the exchange.
    pub(super) took: Duration,
    pub(super) reply: Result<Reply, CallError>,
}

/// An exchange that has ended.
pub(super) struct ExchangeResult {
    pub(super) took: Duration,
    pub(super) failure: Option<Failure>,
}

impl CallResult {
    /// Whether the call itself was sent: its exchange, if it needed one, has succeeded.
    pub(super) fn was_sent(&self) -> bool {
        let exchange = self.exchange.as_ref();
        exchange.is_none_or(|exchange| exchange.failure.is_none())
    }
}

/// What calls are made with.
pub(super) struct Caller {
    pub(super) api: Arc<dyn Api>,
    pub(super) targets: Arc<Targets>,
    pub(super) clock: Clock,
    /// Of one call. The exchange before it is a part of the call here.
    pub(super) timeout: Duration,
}

impl Caller {
    /// Makes a call.
    pub(super) async fn call(
        self,
        job: Job,
        continuation: Option<Arc<Continuation>>,
    ) -> CallResult {
        let request = Request {
            operation: job.operation,
            pool: &self.targets.pool(job.target).id,
            identity: self.targets.identity(job.target),
            continuation: continuation.as_deref(),
        };
        let now = || self.clock.now().mono;
        let (mut began, mut exchange) = (now(), None);
        let with_exchange = async {
            if let Some(exchanging) = self.api.exchange(request) {
                let exchanged = exchanging.await;
                exchange = Some(ExchangeResult {
                    took: now().since(began),
                    failure: exchanged.as_ref().err().map(|error| error.failure),
                });
                exchanged?;
                began = now();
            }
            self.api.call(request).await
        };
        let reply = tokio::time::timeout(self.timeout + TIMEOUT_GRACE, with_exchange).await;
        CallResult {
            exchange,
            took: now().since(began),
            reply: reply.unwrap_or_else(|_| Err(Failure::Timeout.into())),
        }
    }
}

/// Rejects an answer to another operation, and an answer of more than [`MAX_PAGES`].
pub(super) fn check_reply(
    reply: Reply,
    operation: Operation,
    ticket: Option<&Ticket>,
) -> Result<Reply, Failure> {
    let paging = ticket.and_then(|ticket| ticket.paging.as_ref());
    let pages = paging.map_or(0, |paging| paging.pages) + 1;
    match &reply {
        Reply::Done(answer) if answer.is_to(operation) => Ok(reply),
        Reply::More(page) if page.so_far.is_to(operation) && pages < MAX_PAGES => Ok(reply),
        Reply::Done(_) | Reply::More(_) => {
            debug!(
                operation = operation.as_str(),
                pages, "the answer is to another operation, or has too many pages"
            );
            Err(Failure::Malformed)
        }
    }
}
