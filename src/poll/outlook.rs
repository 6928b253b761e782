//! When a target will be asked next, and why then: the schedule explained to people.

use std::time::Duration;

use super::lane::Lane;
use super::schedule::Schedule;
use crate::clock::Mono;
use crate::usage::Target;

/// The next call about a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Next {
    /// When it will be made, as far as can be told; [`Mono::NEVER`] when that cannot be told. The
    /// past, when it is under way.
    pub at: Mono,
    /// Why then.
    pub why: Why,
}

/// Why a target is asked when it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Why {
    /// The call is under way, as this attempt of its poll, from 1.
    UnderWay(u32),
    /// It is the target's turn, once in an interval.
    Turn,
    /// The target fails for good, and has a turn once in so many intervals.
    Slowed(u32),
    /// So many attempts of its poll have failed, and the next one waits a while.
    Retry(u32),
    /// Its turn has come, and so many others wait before it for the budget, which gives so many
    /// calls per second.
    Overdue(usize, f64),
    /// The budget's credentials are no good, and this is the next probe, about whomever.
    Credentials,
}

impl Schedule {
    /// When each of these targets will be asked next; `None` for one that is handed out. One pass
    /// over all that wait.
    #[must_use]
    pub fn outlook(&self, about: &[Target], now: Mono) -> Vec<Option<Next>> {
        let mut wanted: Vec<_> = about
            .iter()
            .enumerate()
            .map(|(place, target)| (self.index(*target), place))
            .collect();
        wanted.sort_unstable();
        let mut next = vec![None; about.len()];
        for lane in self.lanes() {
            let mut overdue = Vec::new();
            for (due, index) in lane.waiting() {
                let first = wanted.partition_point(|(other, _)| *other < index);
                for (_, place) in wanted[first..]
                    .iter()
                    .take_while(|(other, _)| *other == index)
                {
                    next[*place] = Some(Next {
                        at: due,
                        why: self.why(index),
                    });
                    if lane.probe_at().is_some() || due <= now {
                        overdue.push((due, *place));
                    }
                }
            }
            for (place, held_up) in held_up(lane, overdue, now) {
                next[place] = Some(held_up);
            }
        }
        next
    }
}

/// What keeps those whose turn has come: the probe, or others that have waited for longer.
fn held_up(lane: &Lane, mut overdue: Vec<(Mono, usize)>, now: Mono) -> Vec<(usize, Next)> {
    if let Some(at) = lane.probe_at() {
        return overdue
            .into_iter()
            .map(|(_, place)| {
                (
                    place,
                    Next {
                        at,
                        why: Why::Credentials,
                    },
                )
            })
            .collect();
    }
    overdue.sort_unstable();
    let mut ahead = vec![0_usize; overdue.len()];
    if overdue.is_empty() {
        return Vec::new();
    }
    for (due, _) in lane.waiting() {
        if let Some(count) = ahead.get_mut(overdue.partition_point(|(other, _)| *other <= due)) {
            *count += 1;
        }
    }
    let running = ahead.into_iter().scan(0, |sum, count| {
        *sum += count;
        Some(*sum)
    });
    let next = |(ahead, (_, place)): (usize, (Mono, usize))| {
        let at = now + Duration::from_secs_f64(ahead as f64 / lane.rate());
        (
            place,
            Next {
                at,
                why: Why::Overdue(ahead, lane.rate()),
            },
        )
    };
    running.zip(overdue).map(next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Findings};
    use crate::poll::schedule::{Step, Ticket};
    use crate::targets::Targets;
    use crate::usage::Failure;
    use std::path::Path;

    const IDENTITIES: usize = 20;

    /// Twenty identities, interval 10 s.
    fn schedule(rate_limit: f64) -> Schedule {
        let ids: Vec<_> = (0..IDENTITIES)
            .map(|number| format!("'r:{number:x}'"))
            .collect();
        let text = format!(
            "poll: {{interval: 10s}}\npools: [{{id: 'r:0', identities: [{}]}}]",
            ids.join(",")
        );
        let mut findings = Findings::default();
        let config = config::parse(Path::new("test"), &text, &mut findings).unwrap();
        Schedule::new(
            &Targets::load(&config, &mut findings),
            rate_limit,
            Mono::START,
        )
    }

    fn all() -> Vec<Target> {
        let identity = |identity| Target::Identity { pool: 0, identity };
        (0..IDENTITIES)
            .map(identity)
            .chain([Target::Pool { pool: 0 }])
            .collect()
    }

    fn seconds(seconds: u64) -> Mono {
        Mono::START + Duration::from_secs(seconds)
    }

    fn calls(schedule: &mut Schedule, now: Mono, most: usize) -> Vec<Ticket> {
        let mut tickets = Vec::new();
        while let (true, Step::Call(ticket)) = (tickets.len() < most, schedule.next(now, 1_000)) {
            tickets.push(ticket);
        }
        tickets
    }

    #[test]
    fn in_good_times_everyone_has_a_turn_within_the_interval() {
        let outlook = schedule(1_000.0).outlook(&all(), Mono::START);
        for next in outlook {
            let next = next.unwrap();
            assert!(next.why == Why::Turn && next.at <= seconds(10), "{next:?}");
        }
    }

    #[test]
    fn whoever_is_handed_out_waits_for_nothing() {
        let mut schedule = schedule(1_000.0);
        let tickets = calls(&mut schedule, seconds(10), 1);
        assert_eq!(schedule.outlook(&[tickets[0].target], seconds(10)), [None]);
    }

    #[test]
    fn the_overdue_go_by_the_budget_and_in_order() {
        let mut schedule = schedule(2.0);
        let now = seconds(100);
        let mut nexts: Vec<_> = schedule
            .outlook(&all(), now)
            .into_iter()
            .map(Option::unwrap)
            .zip(all())
            .collect();
        nexts.sort_by_key(|(next, _)| next.at);
        for (ahead, (next, _)) in nexts.iter().enumerate() {
            assert_eq!(next.why, Why::Overdue(ahead, 2.0));
            assert_eq!(next.at, now + Duration::from_millis(500) * ahead as u32);
        }
        // What was foretold comes true.
        let asked = (0..nexts.len() as u32)
            .map(|turn| calls(&mut schedule, now + Duration::from_millis(500) * turn, 1));
        let asked: Vec<_> = asked.map(|mut tickets| tickets.remove(0).target).collect();
        assert_eq!(
            asked,
            nexts.iter().map(|(_, target)| *target).collect::<Vec<_>>()
        );
    }

    #[test]
    fn failures_are_told() {
        let mut schedule = schedule(1_000.0);
        let now = seconds(10);
        let [retried, missing, refused] =
            <[Ticket; 3]>::try_from(calls(&mut schedule, now, 3)).unwrap();
        let wait = Duration::from_secs(1);
        schedule.ended(&retried, Some(Failure::Timeout), Some(wait), now);
        schedule.ended(&missing, Some(Failure::NotFound), None, now);
        let about = [retried.target, missing.target];
        let outlook: Vec<_> = schedule
            .outlook(&about, now)
            .into_iter()
            .map(Option::unwrap)
            .collect();
        assert_eq!(
            outlook[0],
            Next {
                at: now + wait,
                why: Why::Retry(1)
            }
        );
        assert!(
            outlook[1].why == Why::Slowed(2) && outlook[1].at >= now + Duration::from_secs(10),
            "{outlook:?}"
        );
        schedule.ended(&refused, Some(Failure::Credentials), None, now);
        let probe = Next {
            at: now + Duration::from_secs(5),
            why: Why::Credentials,
        };
        assert_eq!(schedule.outlook(&about, now), [Some(probe); 2]);
    }
}
