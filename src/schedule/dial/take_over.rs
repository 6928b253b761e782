//! What a dial takes over from another one, when the targets change.

use super::{Dial, face};
use crate::clock::Mono;
use crate::schedule::jobs::{JobIndex, Phases};

impl Dial {
    /// Those that rest until a time of their own, and until when.
    pub(in crate::schedule) fn parked(&self) -> impl Iterator<Item = (Mono, JobIndex)> {
        let parked = self.parked.iter();
        parked.map(|(until, position)| (*until, self.job(*position)))
    }

    /// Sets the hands to where those of a dial with the same cadences stand: at the same job, or
    /// the next one that is left. `moved` is what has become of an old job. No job that stays has
    /// its deadline later than before.
    pub(in crate::schedule) fn take_over(
        &mut self,
        old: &Self,
        old_phases: &Phases,
        phases: &Phases,
        moved: impl Fn(JobIndex) -> Option<JobIndex>,
    ) {
        let (face, old_face) = (face(&self.jobs, phases), face(&old.jobs, old_phases));
        self.turns.set_to(face, &old.turns, old_face);
        let Some((deadlines, old_deadlines)) = self.deadlines.as_mut().zip(old.deadlines.as_ref())
        else {
            return;
        };
        deadlines.set_to(face, old_deadlines, old_face);
        // Those that stay stand in the same order, at about the same part of it.
        let (mut position, mut later) = (0, 0_f64);
        for (old_position, job) in old.jobs.iter().enumerate() {
            let Some(job) = moved(*job) else { continue };
            let key = (phases[job], job);
            let is_before = |other: JobIndex| (phases[other], other) < key;
            while self
                .jobs
                .get(position)
                .is_some_and(|other| is_before(*other))
            {
                position += 1;
            }
            if self.jobs.get(position) == Some(&job) {
                let part = position as f64 / self.jobs.len() as f64;
                later = later.max(part - old_position as f64 / old.jobs.len() as f64);
            }
        }
        deadlines.put_forward(later);
        self.sweep = old.sweep.at_pass(deadlines.passes());
    }
}
