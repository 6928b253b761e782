//! The choice of the job that is called next.

use super::{MAX_SETTLED, Order, Seat};
use crate::clock::Mono;
use crate::job::PoolIndex;
use crate::schedule::Knowledge;
use crate::schedule::demand::MAX_PRICE;
use crate::schedule::dial::{Dial, Position};
use crate::schedule::jobs::JobTable;
use crate::schedule::slowed::Slowed;
use crate::schedule::state::State;

impl Order {
    /// Lets those wait for the index whose turn was missed. If the rate suffices for a turn each
    /// interval, it will not be long, and all go in the order in which they begin to wait.
    pub(super) fn settle(&mut self, table: &JobTable, known: Knowledge<'_>, rate: f64, now: Mono) {
        let is_late = self.has_late();
        if !is_late {
            self.late_since = None;
        }
        let suffices = self.calls_per_second() <= rate;
        let mut left = MAX_SETTLED;
        for dial in self.dials.iter_mut().filter(|dial| !dial.is_of_pools()) {
            let grace = dial.interval() * u32::from(!is_late);
            while left > 0
                && let Some((turn, position)) = dial.first_turn(&table.phases, now.before(grace))
            {
                left -= 1;
                if dial.state(position) == State::New {
                    dial.wait_unasked(position);
                } else {
                    let job = dial.job(position);
                    let demand = known.demand_of(table.job(job));
                    let mut price = demand.price();
                    if suffices {
                        price = MAX_PRICE;
                    } else if !dial.was_chosen(position) {
                        // It may come with many others whose price is the same. They would go
                        // all in a row, again and again.
                        let scattered = u128::from(price) * u128::from(table.phases[job]);
                        price = (scattered >> 32) as u64;
                    }
                    let key = self.virtual_time.key(price);
                    dial.wait(position, key, demand.is_near());
                }
                self.late_since = self.late_since.or(Some(turn));
            }
        }
    }

    /// What is due first: a turn, a deadline, or a question whether a pool is still denied.
    pub(super) fn first_due(&mut self, table: &JobTable, now: Mono) -> Option<(Mono, Seat)> {
        let turn = first_of(self.dials.iter_mut(), |dial| match dial.is_of_pools() {
            true => None,
            false => dial.first_turn(&table.phases, now),
        });
        let firm = self.first_firm(table, now);
        turn.into_iter().chain(firm).min_by_key(|(at, _)| *at)
    }

    /// The first of what must not wait, and when it was due.
    fn first_firm(&mut self, table: &JobTable, now: Mono) -> Option<(Mono, Seat)> {
        let slowed = &self.slowed;
        let firm = first_of(self.dials.iter_mut(), |dial| match dial.is_of_pools() {
            true => first_pool(dial, slowed, table, now),
            false => dial.first_deadline(&table.phases, now),
        });
        if let Some((at, pool)) = self.first_denied()
            && at <= now
            && firm.is_none_or(|(firm, _)| at < firm)
            && let Some(seat) = self.ask_denied(table, pool, now)
        {
            return Some((at, seat));
        }
        firm
    }

    /// The pool that is denied and whose turn to be asked comes first, and when.
    pub(super) fn first_denied(&self) -> Option<(Mono, PoolIndex)> {
        let asked = self.denials.pools().filter_map(|pool| {
            let at = self.denials.ask_at(pool, self.missing_of(pool))?;
            Some((at, pool))
        });
        asked.min()
    }

    /// Who of a pool that is denied is asked now.
    fn ask_denied(&mut self, table: &JobTable, pool: PoolIndex, now: Mono) -> Option<Seat> {
        let mut denials = std::mem::take(&mut self.denials);
        let asked = denials.ask(pool, now, |job| {
            self.state(self.seat(table, job)) == State::Denied
        });
        self.denials = denials;
        Some(self.seat(table, asked?))
    }

    /// The next call while there are too few.
    pub(super) fn choose_late(&mut self, table: &JobTable, now: Mono) -> Option<Seat> {
        let firm = self.first_firm(table, now);
        if let Some((at, seat)) = firm
            && now <= at + self.dials[seat.dial].margin()
        {
            return Some(seat);
        }
        let (near, other) = (self.first_late(true), self.first_late(false));
        let pressing = firm.map(|(_, seat)| seat);
        if let Some(unasked) = self.first_unasked() {
            let yields_to = if self.newcomers_yield { other } else { None };
            if pressing.is_none() && near.or(yields_to).is_none() {
                return Some(unasked);
            }
            self.unasked_had_turn = !self.unasked_had_turn;
            if self.unasked_had_turn {
                return Some(unasked);
            }
            if !self.newcomers_yield {
                return pressing.or(near.map(|(_, seat)| seat));
            }
        }
        pressing.or_else(|| {
            let late = near.into_iter().chain(other);
            let (key, seat) = late.min_by_key(|(key, _)| *key)?;
            self.virtual_time.pass_to(key, now);
            let (began, round) = self.round;
            if round <= key {
                // Those that waited when the round began have been asked.
                self.late_since = Some(began);
                self.round = (now, self.virtual_time.key(MAX_PRICE));
            }
            Some(seat)
        })
    }

    /// The first of those that were never asked.
    fn first_unasked(&mut self) -> Option<Seat> {
        let mut dials = self.dials.iter_mut().enumerate();
        dials.find_map(|(index, dial)| Some(Seat::new(index, dial.first_unasked()?)))
    }

    /// The least key of those near a limit, or of all others, and whose it is.
    fn first_late(&self, is_near: bool) -> Option<(u64, Seat)> {
        first_of(self.dials.iter(), |dial| dial.first_late(is_near))
    }
}

/// The least of what each dial has, and where it stands.
fn first_of<D, T: Ord + Copy>(
    dials: impl Iterator<Item = D>,
    mut first: impl FnMut(D) -> Option<(T, Position)>,
) -> Option<(T, Seat)> {
    let firsts = dials.enumerate().filter_map(|(index, dial)| {
        let (least, position) = first(dial)?;
        Some((least, Seat::new(index, position)))
    });
    firsts.min_by_key(|(least, _)| *least)
}

/// The pool whose turn came first, but for those that are slowed down.
fn first_pool(
    dial: &mut Dial,
    slowed: &Slowed,
    table: &JobTable,
    now: Mono,
) -> Option<(Mono, Position)> {
    loop {
        let (turn, position) = dial.first_turn(&table.phases, now)?;
        let until = slowed.until(dial.job(position));
        if until.is_none_or(|(until, _)| until <= turn) {
            return Some((turn, position));
        }
        dial.skip_turn();
    }
}
