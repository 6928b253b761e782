//! A server of identities that have datasets and write.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use cognitosync_exporter::api::{
    Answer, Api, Call, Continuation, Dataset, Failure, Operation, PoolUsage, Reply, Request, Usage,
};
use cognitosync_exporter::clock::Clock;
use siphasher::sip::SipHasher13;

pub(super) const BEGAN: f64 = 1_795_000_000.0;
pub(super) const IDENTITIES: usize = 60;
/// Seconds in which everybody may write, then seconds in which nobody does, and how often.
pub(super) const BUSY: f64 = 60.0;
pub(super) const QUIET: f64 = 190.0;
pub(super) const PHASES: usize = 3;
pub(super) const LIMIT: u64 = 1 << 20;
pub(super) const RECORDS: u64 = 1_024;

/// What becomes of lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lists {
    Allowed,
    PagesOfOne,
    Denied,
    Throttled,
    Failing,
    /// Every page has the token of the first.
    Endless,
}

/// A repeatable sequence of numbers.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        use std::hash::Hasher;
        self.0 += 1;
        let mut hasher = SipHasher13::new();
        hasher.write_u64(self.0);
        hasher.finish() % end
    }

    /// Bytes of a dataset: few, or a part of the limit that is worth a test.
    fn bytes(&mut self) -> u64 {
        match self.below(12) {
            0 => LIMIT,
            1 => LIMIT - self.below(5_000),
            2 => LIMIT * 85 / 100,
            3 => LIMIT * 8 / 10,
            4 => LIMIT * 6 / 10,
            5 => LIMIT * 3 / 10,
            _ => 1 + self.below(40_000),
        }
    }

    fn records(&mut self, bytes: u64) -> u64 {
        match self.below(8) {
            0 => RECORDS.min(bytes),
            1 => (RECORDS * 8 / 10).min(bytes),
            _ => 1 + self.below(RECORDS.min(bytes) / 3 + 1),
        }
    }

    fn dataset(&mut self, number: usize, at: f64) -> Dataset {
        let bytes = self.bytes();
        Dataset {
            name: Some(format!("dataset-{number}")),
            storage_bytes: Some(bytes),
            records: Some(self.records(bytes).min(bytes)),
            last_modified: Some(at),
        }
    }
}

/// All datasets of an identity from a time on, in seconds since 1970.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) since: f64,
    pub(super) datasets: Vec<Dataset>,
}

pub(super) struct Server {
    /// The states of each identity, the latest last; none of those that do not exist.
    identities: Vec<Vec<State>>,
    pub(super) lists: Lists,
    lag: f64,
    pub(super) clock: Clock,
    pub(super) calls: Mutex<BTreeMap<Operation, usize>>,
}

impl Server {
    pub(super) fn new(seed: u64, lists: Lists, lag: f64, clock: Clock) -> Self {
        let mut dice = Dice(seed << 32);
        Self {
            identities: (0..IDENTITIES)
                .map(|number| states(number, &mut dice))
                .collect(),
            lists,
            lag,
            clock,
            calls: Mutex::default(),
        }
    }

    /// The state of an identity at a time, in seconds since 1970.
    pub(super) fn state(&self, identity: usize, at: f64) -> Option<&State> {
        let states = self.identities[identity].iter();
        states.take_while(|state| state.since <= at).last()
    }

    fn describe(&self, identity: usize) -> Result<Answer, Failure> {
        let seen = self.clock.now().unix - self.lag;
        let state = self.state(identity, seen).ok_or(Failure::NotFound)?;
        let Usage { last_modified, .. } = Usage::of_datasets(&state.datasets);
        Ok(Answer::Identity(Usage {
            // A dataset that was deleted is a modification too.
            last_modified: last_modified.map(|_| state.since + self.lag),
            ..Usage::of_datasets(&state.datasets)
        }))
    }

    fn list(&self, identity: usize, page: Option<&Continuation>) -> Result<Reply, Failure> {
        let state = self.state(identity, self.clock.now().unix);
        let datasets = state.map_or(&[][..], |state| &state.datasets);
        let so_far = match page.map(|page| &page.so_far) {
            Some(Answer::Datasets(so_far)) => so_far.len(),
            _ => 0,
        };
        let all = match self.lists {
            Lists::Allowed => datasets.len(),
            Lists::PagesOfOne | Lists::Endless => so_far + 1,
            Lists::Denied => return Err(Failure::AccessDenied),
            Lists::Throttled => return Err(Failure::Throttled),
            Lists::Failing => return Err(Failure::ServiceError),
        };
        let read = Answer::Datasets(datasets[..all.min(datasets.len())].to_vec());
        match self.lists {
            // What the SDK's answer becomes when a token repeats.
            Lists::Endless if so_far > 0 => Err(Failure::Malformed),
            Lists::Endless => Ok(more(read)),
            _ if all < datasets.len() => Ok(more(read)),
            _ => Ok(Reply::Done(read)),
        }
    }
}

fn more(so_far: Answer) -> Reply {
    let token = "next".to_owned();
    Reply::More(Continuation { token, so_far })
}

/// The life of an identity: what it has at first, and what each of its writes makes of it. Every
/// write changes the sum or the count.
fn states(number: usize, dice: &mut Dice) -> Vec<State> {
    let long_ago = BEGAN - 1e6 - dice.below(1_000_000) as f64;
    let count = match number % 10 {
        0 => 0,
        1 => return Vec::new(),
        2..5 => 1,
        5..7 => 2,
        7 => 20,
        _ => 1 + dice.below(19) as usize,
    };
    let datasets = (0..count)
        .map(|number| dice.dataset(number, long_ago))
        .collect();
    let mut states = vec![State {
        since: long_ago,
        datasets,
    }];
    let mut made = count;
    for phase in 0..PHASES {
        let begins = BEGAN + phase as f64 * (BUSY + QUIET);
        let mut times: Vec<_> = (0..dice.below(4))
            .map(|_| begins + dice.below(BUSY as u64 * 1_000) as f64 / 1e3)
            .collect();
        times.sort_by(f64::total_cmp);
        for at in times {
            let last = states.last().expect("there is a first state");
            let mut datasets = last.datasets.clone();
            let position = dice.below(datasets.len().max(1) as u64) as usize;
            match dice.below(5) {
                0 if datasets.len() < 20 => {
                    datasets.push(dice.dataset(made, at));
                    made += 1;
                }
                1 if datasets.len() > 1 => {
                    datasets.remove(position);
                }
                _ if !datasets.is_empty() => datasets[position] = dice.dataset(position, at),
                _ => {}
            }
            if Usage::of_datasets(&datasets).storage_bytes
                != Usage::of_datasets(&last.datasets).storage_bytes
            {
                states.push(State {
                    since: at,
                    datasets,
                });
            }
        }
    }
    states
}

impl Api for Server {
    fn call<'a>(&'a self, request: Request<'a>) -> Call<'a> {
        Box::pin(async move {
            *self
                .calls
                .lock()
                .unwrap()
                .entry(request.operation)
                .or_default() += 1;
            tokio::time::sleep(Duration::from_millis(30)).await;
            let identity = request.identity.map(|id| {
                let hex = id.as_str().split_once(':').unwrap().1;
                usize::from_str_radix(hex, 16).unwrap()
            });
            Ok(match (request.operation, identity) {
                (Operation::DescribeIdentityUsage, Some(identity)) => {
                    Reply::Done(self.describe(identity)?)
                }
                (Operation::ListDatasets, Some(identity)) => {
                    self.list(identity, request.continuation)?
                }
                _ => Reply::Done(Answer::Pool(PoolUsage::default())),
            })
        })
    }
}
