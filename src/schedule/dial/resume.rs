//! Where the hands of a dial stand, for another process to go on from.

use super::{Dial, face};
use crate::clock::Mono;
use crate::schedule::hand::Sweep;
use crate::schedule::jobs::Phases;
use crate::schedule::resume::{DialStanding, HandStanding};

impl Dial {
    /// Where its hands stand; `None` without jobs.
    pub(in crate::schedule) fn standing(&self, phases: &Phases) -> Option<DialStanding> {
        let face = face(&self.jobs, phases);
        let of_hand = |(phase, at): (u32, Mono)| HandStanding { phase, at };
        let deadlines = self.deadlines.as_ref();
        Some(DialStanding {
            interval: self.interval(),
            max_age: (!self.is_of_pools()).then_some(self.max_age),
            turns: self.turns.standing(face).map(of_hand)?,
            deadlines: deadlines.and_then(|hand| hand.standing(face)).map(of_hand),
            pass: self.sweep.standing(),
        })
    }

    /// Sets its hands to where those of a dial with the same interval stood.
    pub(in crate::schedule) fn resume(&mut self, standing: &DialStanding, phases: &Phases) {
        let face = face(&self.jobs, phases);
        let HandStanding { phase, at } = standing.turns;
        self.turns.set_at(face, phase, at);
        if let Some((hand, HandStanding { phase, at })) =
            self.deadlines.as_mut().zip(standing.deadlines)
        {
            hand.set_at(face, phase, at);
            self.sweep = Sweep::resume(hand.passes(), standing.pass);
        }
    }
}
