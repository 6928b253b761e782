//! What an order keeps when the targets change.

use super::dial::{Dial, Position};
use super::jobs::{JobIndex, JobTable};
use super::order::{Order, Seat};
use super::state::State;
use crate::clock::Mono;

/// Those that were asked are known, and who joins them yields, when they are so many times as many
/// as those that were never asked: a list may gain somebody each minute, so that somebody is always
/// new. The last eleventh of a first sweep is no such crowd that it needs all calls.
const KNOWN_TIMES: usize = 10;

/// What a job does, while the targets change.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kept {
    As(State),
    /// It rests until this time.
    Parked(Mono),
    /// It waits for the index, so far ahead of virtual time.
    Late {
        ahead: u64,
        is_near: bool,
    },
    /// Its poll goes on at this time.
    Begun(Mono),
}

impl Order {
    /// Goes on from where an order of the same budget, with other targets, stands. `moved` is what
    /// has become of an old job.
    pub(super) fn take_over(
        &mut self,
        old: &Self,
        old_table: &JobTable,
        table: &JobTable,
        moved: impl Fn(JobIndex) -> Option<JobIndex>,
    ) {
        self.virtual_time = old.virtual_time;
        (self.late_since, self.round) = (old.late_since, old.round);
        self.unasked_had_turn = old.unasked_had_turn;
        self.newcomers_yield = old.newcomers_yield || old.are_known(KNOWN_TIMES);
        // The first job of each segment that is left, by its old index too, for all of it.
        let segments = old_table.segments().iter();
        let moves = segments.filter_map(|segment| {
            let left = |job| Some((job, moved(job)?));
            let (old, new) = segment.jobs.clone().find_map(left)?;
            Some((old, new, segment.jobs.len()))
        });
        let moves: Vec<_> = moves.collect();
        for dial in &mut self.dials {
            let is_alike = |old: &&Dial| {
                (old.interval(), old.is_of_pools()) == (dial.interval(), dial.is_of_pools())
            };
            // A `max_age` that is `auto` may differ whenever a list does, so most of its jobs show
            // which dial it was. Without any, that of the same `max_age` is as good.
            let likeness = |old: &&Dial| {
                let of_both = moves.iter().filter(|(job, moved, _)| {
                    old.holds(*job, &old_table.phases) && dial.holds(*moved, &table.phases)
                });
                let jobs: usize = of_both.map(|(.., jobs)| jobs).sum();
                (jobs, old.max_age() == dial.max_age())
            };
            let alike = old.dials.iter().filter(is_alike).max_by_key(likeness);
            if let Some(old) = alike {
                dial.take_over(old, &old_table.phases, &table.phases, &moved);
            }
        }
    }

    /// What each job does that is not new, in no order. Those that AWS denied stay so only if
    /// `keeps_denied`.
    pub(super) fn kept(&self, keeps_denied: bool) -> impl Iterator<Item = (JobIndex, Kept)> {
        let begun = self.begun().map(|(at, job)| (job, Kept::Begun(at)));
        let parked = self.dials.iter().flat_map(Dial::parked);
        let parked = parked.map(|(until, job)| (job, Kept::Parked(until)));
        let of_dials = self.dials.iter().flat_map(move |dial| {
            let positions = 0..dial.len() as Position;
            positions.filter_map(move |position| {
                let kept = match dial.state(position) {
                    State::New | State::Busy | State::Parked => return None,
                    State::Late | State::Near => Kept::Late {
                        ahead: self.virtual_time.ahead(dial.key(position)?),
                        is_near: dial.state(position) == State::Near,
                    },
                    State::Denied if !keeps_denied => Kept::As(State::Rests),
                    state @ (State::Rests | State::Unasked | State::Denied | State::Missing) => {
                        Kept::As(state)
                    }
                };
                Some((dial.job(position), kept))
            })
        });
        begun.chain(parked).chain(of_dials)
    }

    /// Lets a job that was new do this.
    pub(super) fn put(&mut self, table: &JobTable, job: JobIndex, kept: Kept) {
        let Seat { dial, position } = self.seat(table, job);
        let dial = &mut self.dials[dial];
        match kept {
            Kept::As(State::Missing) => self.put_missing(table, job),
            Kept::As(state) => dial.put(position, state),
            Kept::Parked(until) => dial.park(position, until),
            Kept::Late { ahead, is_near } => {
                dial.wait(position, self.virtual_time.key(ahead), is_near);
            }
            Kept::Begun(at) => {
                dial.put(position, State::Busy);
                self.go_on(at, job);
            }
        }
    }
}
