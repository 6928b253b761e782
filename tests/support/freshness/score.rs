//! How soon polls see what changes.

use super::world::{LEVEL, World};

/// Seconds between something and the poll that sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delays(Vec<f64>);

impl Delays {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    pub(crate) fn p95(&mut self) -> f64 {
        self.0.sort_by(f64::total_cmp);
        let place = (self.0.len() as f64 * 0.95) as usize;
        self.0
            .get(place)
            .or(self.0.last())
            .copied()
            .unwrap_or(f64::NAN)
    }
}

/// What polls of a world showed, after a time of warming up.
#[derive(Debug)]
pub(crate) struct Score {
    pub(crate) calls_per_second: f64,
    /// From each change to the poll that sees it.
    pub(crate) change: Delays,
    /// From the crossing of 80 % of the limit to the poll that sees it.
    pub(crate) crossing: Delays,
    /// The longest time between two polls of an identity.
    pub(crate) oldest: f64,
}

impl Score {
    /// Of polls in their order: seconds, and the identity's number. What no poll sees until the end
    /// counts with its delay until then.
    pub(crate) fn new(
        world: &World,
        polls: impl IntoIterator<Item = (f64, usize)>,
        warm_up: f64,
        end: f64,
    ) -> Self {
        let mut seen = vec![0; world.0.len()];
        let mut last: Vec<Option<f64>> = vec![None; world.0.len()];
        let (mut change, mut crossing) = (Delays::default(), Delays::default());
        let (mut calls, mut oldest) = (0_u64, 0_f64);
        let mut see = |identity: usize, now: f64, last: &mut Option<f64>| {
            let of = &world.0[identity];
            let from = seen[identity];
            let new = of.changes[from..].partition_point(|(at, _)| *at <= now);
            let mut before = from
                .checked_sub(1)
                .map_or(of.bytes, |last| of.changes[last].1);
            for (at, bytes) in &of.changes[from..from + new] {
                if *at >= warm_up {
                    change.0.push(now - at);
                    if before < LEVEL && LEVEL <= *bytes {
                        crossing.0.push(now - at);
                    }
                }
                before = *bytes;
            }
            seen[identity] += new;
            if let Some(last) = last
                && now > warm_up
            {
                oldest = oldest.max(now - *last);
            }
            *last = Some(now);
        };
        for (now, identity) in polls {
            calls += 1;
            see(identity, now, &mut last[identity]);
        }
        for (identity, last) in last.iter_mut().enumerate() {
            see(identity, end, last);
        }
        Self {
            calls_per_second: calls as f64 / end,
            change,
            crossing,
            oldest,
        }
    }
}
